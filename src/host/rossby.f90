!> Rossby in a Fortran program: the functions of rossby.h under the same names, with Fortran's strings and arrays.
!> Fields are (column, row) or (column, row, level) arrays or sections of arrays, of either kind of reals; row 1 is the
!> northernmost of this rank's tile, unless the rows are handed over from south to north with south_first = .true.
!> Every routine has an optional last argument, 0 or 1; without it an error stops the program with its message.
module rossby
  use, intrinsic :: iso_c_binding
  use, intrinsic :: iso_fortran_env, only: error_unit
  use mpi_f08, only: MPI_Comm
  implicit none
  private

  public :: rossby_session, rossby_start, rossby_stop, rossby_error, rossby_open, rossby_close, rossby_load
  public :: rossby_checkpoint, rossby_grid, rossby_coordinates, rossby_tile, rossby_put, rossby_get, rossby_begin
  public :: rossby_step, rossby_time, rossby_forecast, rossby_train_step
  integer, parameter, public :: rossby_for_forecasts = 0, rossby_for_training = 1

  type rossby_session
    private
    type(c_ptr) :: handle = c_null_ptr
  end type

  type, bind(c) :: layout
    integer(c_int) :: kind
    integer(c_int64_t) :: levels, rows, columns
    integer(c_int64_t) :: level_stride, row_stride, column_stride
  end type

  !> rossby_open(session, deck, comm [, purpose] [, overrides] [, error]); comm is a type(MPI_Comm) or an integer.
  interface rossby_open
    module procedure open_f08, open_integer
  end interface

  !> rossby_put(session, variable, time, field [, south_first] [, error])
  interface rossby_put
    module procedure put_real32_2, put_real32_3, put_real64_2, put_real64_3
  end interface

  !> rossby_get(session, variable, field [, south_first] [, error])
  interface rossby_get
    module procedure get_real32_2, get_real32_3, get_real64_2, get_real64_3
  end interface

  interface
    integer(c_int) function c_start(argc, argv) bind(c, name="rossby_start")
      import
      type(c_ptr), value :: argc, argv
    end function
    subroutine c_stop() bind(c, name="rossby_stop")
    end subroutine
    type(c_ptr) function c_error() bind(c, name="rossby_error")
      import
    end function
    type(c_ptr) function c_open(deck, overrides, purpose, comm, log, log_data) bind(c, name="rossby_open_fortran")
      import
      character(kind=c_char), intent(in) :: deck(*), overrides(*)
      integer(c_int), value :: purpose, comm
      type(c_funptr), value :: log
      type(c_ptr), value :: log_data
    end function
    subroutine c_close(session) bind(c, name="rossby_close")
      import
      type(c_ptr), value :: session
    end subroutine
    integer(c_int) function c_load(session, file) bind(c, name="rossby_load")
      import
      type(c_ptr), value :: session
      character(kind=c_char), intent(in) :: file(*)
    end function
    integer(c_int) function c_checkpoint(session, file) bind(c, name="rossby_checkpoint")
      import
      type(c_ptr), value :: session
      character(kind=c_char), intent(in) :: file(*)
    end function
    integer(c_int) function c_grid(session, rows, columns) bind(c, name="rossby_grid")
      import
      type(c_ptr), value :: session
      integer(c_int64_t), intent(out) :: rows, columns
    end function
    integer(c_int) function c_coordinates(session, latitude, longitude) bind(c, name="rossby_coordinates")
      import
      type(c_ptr), value :: session
      real(c_double), intent(out) :: latitude(*), longitude(*)
    end function
    integer(c_int) function c_tile(session, row, rows, column, columns) bind(c, name="rossby_tile")
      import
      type(c_ptr), value :: session
      integer(c_int64_t), value :: row, rows, column, columns
    end function
    integer(c_int) function c_put(session, variable, time, data, how) bind(c, name="rossby_put")
      import
      type(c_ptr), value :: session, data
      character(kind=c_char), intent(in) :: variable(*), time(*)
      type(layout), value :: how
    end function
    integer(c_int) function c_get(session, variable, data, how) bind(c, name="rossby_get")
      import
      type(c_ptr), value :: session, data
      character(kind=c_char), intent(in) :: variable(*)
      type(layout), value :: how
    end function
    integer(c_int) function c_begin(session, time) bind(c, name="rossby_begin")
      import
      type(c_ptr), value :: session
      character(kind=c_char), intent(in) :: time(*)
    end function
    integer(c_int) function c_step(session) bind(c, name="rossby_step")
      import
      type(c_ptr), value :: session
    end function
    integer(c_int) function c_time(session, seconds) bind(c, name="rossby_time")
      import
      type(c_ptr), value :: session
      integer(c_int64_t), intent(out) :: seconds
    end function
    integer(c_int) function c_forecast(session) bind(c, name="rossby_forecast")
      import
      type(c_ptr), value :: session
    end function
    integer(c_int) function c_train_step(session, time, loss) bind(c, name="rossby_train_step")
      import
      type(c_ptr), value :: session
      character(kind=c_char), intent(in) :: time(*)
      real(c_double), intent(out) :: loss
    end function
    integer(c_size_t) function c_strlen(text) bind(c, name="strlen")
      import
      type(c_ptr), value :: text
    end function
  end interface

contains

  !> The last error.
  function rossby_error() result(text)
    character(len=:), allocatable :: text
    character(kind=c_char), pointer :: letters(:)
    type(c_ptr) :: address
    integer :: i, length
    address = c_error()
    length = int(c_strlen(address))
    call c_f_pointer(address, letters, [length])
    allocate (character(len=length) :: text)
    do i = 1, length
      text(i:i) = letters(i)
    end do
  end function

  subroutine finish(code, error)
    integer(c_int), intent(in) :: code
    integer, intent(out), optional :: error
    if (present(error)) then
      error = code
    else if (code /= 0) then
      write (error_unit, '(a)') "error: "//rossby_error()
      error stop 1
    end if
  end subroutine

  subroutine rossby_start(error)
    integer, intent(out), optional :: error
    call finish(c_start(c_null_ptr, c_null_ptr), error)
  end subroutine

  subroutine rossby_stop()
    call c_stop()
  end subroutine

  subroutine open_integer(session, deck, comm, purpose, overrides, error)
    type(rossby_session), intent(out) :: session
    character(len=*), intent(in) :: deck
    integer, intent(in) :: comm
    integer, intent(in), optional :: purpose
    character(len=*), intent(in), optional :: overrides
    integer, intent(out), optional :: error
    character(len=:), allocatable :: settings
    integer :: why
    settings = ""
    if (present(overrides)) settings = overrides
    why = rossby_for_forecasts
    if (present(purpose)) why = purpose
    session%handle = c_open(trim(deck)//c_null_char, settings//c_null_char, int(why, c_int), int(comm, c_int), &
                            c_null_funptr, c_null_ptr)
    call finish(merge(0_c_int, 1_c_int, c_associated(session%handle)), error)
  end subroutine

  subroutine open_f08(session, deck, comm, purpose, overrides, error)
    type(rossby_session), intent(out) :: session
    character(len=*), intent(in) :: deck
    type(MPI_Comm), intent(in) :: comm
    integer, intent(in), optional :: purpose
    character(len=*), intent(in), optional :: overrides
    integer, intent(out), optional :: error
    call open_integer(session, deck, comm%MPI_VAL, purpose, overrides, error)
  end subroutine

  subroutine rossby_close(session)
    type(rossby_session), intent(inout) :: session
    call c_close(session%handle)
    session%handle = c_null_ptr
  end subroutine

  subroutine rossby_load(session, checkpoint, error)
    type(rossby_session), intent(in) :: session
    character(len=*), intent(in), optional :: checkpoint
    integer, intent(out), optional :: error
    character(len=:), allocatable :: file
    file = ""
    if (present(checkpoint)) file = checkpoint
    call finish(c_load(session%handle, file//c_null_char), error)
  end subroutine

  subroutine rossby_checkpoint(session, file, error)
    type(rossby_session), intent(in) :: session
    character(len=*), intent(in) :: file
    integer, intent(out), optional :: error
    call finish(c_checkpoint(session%handle, trim(file)//c_null_char), error)
  end subroutine

  subroutine rossby_grid(session, columns, rows, error)
    type(rossby_session), intent(in) :: session
    integer, intent(out) :: columns, rows
    integer, intent(out), optional :: error
    integer(c_int64_t) :: height, width
    height = 0
    width = 0
    call finish(c_grid(session%handle, height, width), error)
    columns = int(width)
    rows = int(height)
  end subroutine

  !> Degrees; the arrays have as many elements as the grid has columns and rows.
  subroutine rossby_coordinates(session, longitude, latitude, error)
    type(rossby_session), intent(in) :: session
    real(c_double), intent(out), contiguous :: longitude(:), latitude(:)
    integer, intent(out), optional :: error
    call finish(c_coordinates(session%handle, latitude, longitude), error)
  end subroutine

  !> The cells of this rank, counted from 1: columns first_column to last_column, rows likewise. Collective.
  subroutine rossby_tile(session, first_column, last_column, first_row, last_row, error)
    type(rossby_session), intent(in) :: session
    integer, intent(in) :: first_column, last_column, first_row, last_row
    integer, intent(out), optional :: error
    call finish(c_tile(session%handle, int(first_row - 1, c_int64_t), int(last_row - first_row + 1, c_int64_t), &
                       int(first_column - 1, c_int64_t), int(last_column - first_column + 1, c_int64_t)), error)
  end subroutine

  subroutine rossby_begin(session, time, error)
    type(rossby_session), intent(in) :: session
    character(len=*), intent(in) :: time
    integer, intent(out), optional :: error
    call finish(c_begin(session%handle, trim(time)//c_null_char), error)
  end subroutine

  subroutine rossby_step(session, error)
    type(rossby_session), intent(in) :: session
    integer, intent(out), optional :: error
    call finish(c_step(session%handle), error)
  end subroutine

  subroutine rossby_time(session, seconds, error)
    type(rossby_session), intent(in) :: session
    integer(c_int64_t), intent(out) :: seconds
    integer, intent(out), optional :: error
    call finish(c_time(session%handle, seconds), error)
  end subroutine

  subroutine rossby_forecast(session, error)
    type(rossby_session), intent(in) :: session
    integer, intent(out), optional :: error
    call finish(c_forecast(session%handle), error)
  end subroutine

  subroutine rossby_train_step(session, time, loss, error)
    type(rossby_session), intent(in) :: session
    character(len=*), intent(in) :: time
    real(c_double), intent(out) :: loss
    integer, intent(out), optional :: error
    call finish(c_train_step(session%handle, trim(time)//c_null_char, loss), error)
  end subroutine

  !> How a field lies in memory, from the addresses of its first elements; `bytes` is the size of one. The address is
  !> that of the northernmost row's first cell.
  subroutine lie(first, next, shape_, bytes, south_first, how, data)
    type(c_ptr), intent(in) :: first, next(3) !< of element (1, 1, 1), and of the next along each axis
    integer, intent(in) :: shape_(3), bytes
    logical, intent(in), optional :: south_first
    type(layout), intent(out) :: how
    type(c_ptr), intent(out) :: data
    integer(c_intptr_t) :: begin, strides(3)
    integer :: axis
    begin = transfer(first, begin)
    do axis = 1, 3
      strides(axis) = 0
      if (shape_(axis) > 1) strides(axis) = (transfer(next(axis), begin) - begin)/bytes
    end do
    if (present(south_first)) then
      if (south_first .and. shape_(2) > 1) then
        begin = begin + strides(2)*bytes*(shape_(2) - 1)
        strides(2) = -strides(2)
      end if
    end if
    how%kind = int(bytes, c_int)
    how%levels = shape_(3)
    how%rows = shape_(2)
    how%columns = shape_(1)
    how%level_stride = strides(3)
    how%row_stride = strides(2)
    how%column_stride = strides(1)
    data = transfer(begin, data)
  end subroutine

  subroutine place_real32(field, south_first, how, data)
    real(c_float), intent(in), target :: field(:, :, :)
    logical, intent(in), optional :: south_first
    type(layout), intent(out) :: how
    type(c_ptr), intent(out) :: data
    type(c_ptr) :: first, next(3)
    first = c_null_ptr
    if (size(field) > 0) first = c_loc(field(1, 1, 1))
    next = first
    if (size(field) > 0) then
      next(1) = c_loc(field(min(2, size(field, 1)), 1, 1))
      next(2) = c_loc(field(1, min(2, size(field, 2)), 1))
      next(3) = c_loc(field(1, 1, min(2, size(field, 3))))
    end if
    call lie(first, next, shape(field), 4, south_first, how, data)
  end subroutine

  subroutine place_real64(field, south_first, how, data)
    real(c_double), intent(in), target :: field(:, :, :)
    logical, intent(in), optional :: south_first
    type(layout), intent(out) :: how
    type(c_ptr), intent(out) :: data
    type(c_ptr) :: first, next(3)
    first = c_null_ptr
    if (size(field) > 0) first = c_loc(field(1, 1, 1))
    next = first
    if (size(field) > 0) then
      next(1) = c_loc(field(min(2, size(field, 1)), 1, 1))
      next(2) = c_loc(field(1, min(2, size(field, 2)), 1))
      next(3) = c_loc(field(1, 1, min(2, size(field, 3))))
    end if
    call lie(first, next, shape(field), 8, south_first, how, data)
  end subroutine

  subroutine put_real32_3(session, variable, time, field, south_first, error)
    type(rossby_session), intent(in) :: session
    character(len=*), intent(in) :: variable, time
    real(c_float), intent(in), target :: field(:, :, :)
    logical, intent(in), optional :: south_first
    integer, intent(out), optional :: error
    type(layout) :: how
    type(c_ptr) :: data
    call place_real32(field, south_first, how, data)
    call finish(c_put(session%handle, trim(variable)//c_null_char, trim(time)//c_null_char, data, how), error)
  end subroutine

  subroutine put_real64_3(session, variable, time, field, south_first, error)
    type(rossby_session), intent(in) :: session
    character(len=*), intent(in) :: variable, time
    real(c_double), intent(in), target :: field(:, :, :)
    logical, intent(in), optional :: south_first
    integer, intent(out), optional :: error
    type(layout) :: how
    type(c_ptr) :: data
    call place_real64(field, south_first, how, data)
    call finish(c_put(session%handle, trim(variable)//c_null_char, trim(time)//c_null_char, data, how), error)
  end subroutine

  subroutine get_real32_3(session, variable, field, south_first, error)
    type(rossby_session), intent(in) :: session
    character(len=*), intent(in) :: variable
    real(c_float), intent(inout), target :: field(:, :, :)
    logical, intent(in), optional :: south_first
    integer, intent(out), optional :: error
    type(layout) :: how
    type(c_ptr) :: data
    call place_real32(field, south_first, how, data)
    call finish(c_get(session%handle, trim(variable)//c_null_char, data, how), error)
  end subroutine

  subroutine get_real64_3(session, variable, field, south_first, error)
    type(rossby_session), intent(in) :: session
    character(len=*), intent(in) :: variable
    real(c_double), intent(inout), target :: field(:, :, :)
    logical, intent(in), optional :: south_first
    integer, intent(out), optional :: error
    type(layout) :: how
    type(c_ptr) :: data
    call place_real64(field, south_first, how, data)
    call finish(c_get(session%handle, trim(variable)//c_null_char, data, how), error)
  end subroutine

  ! A field of one level is a field of one level: (column, row, 1), by way of a copy.
  subroutine put_real32_2(session, variable, time, field, south_first, error)
    type(rossby_session), intent(in) :: session
    character(len=*), intent(in) :: variable, time
    real(c_float), intent(in) :: field(:, :)
    logical, intent(in), optional :: south_first
    integer, intent(out), optional :: error
    call put_real32_3(session, variable, time, reshape(field, [shape(field), 1]), south_first, error)
  end subroutine

  subroutine put_real64_2(session, variable, time, field, south_first, error)
    type(rossby_session), intent(in) :: session
    character(len=*), intent(in) :: variable, time
    real(c_double), intent(in) :: field(:, :)
    logical, intent(in), optional :: south_first
    integer, intent(out), optional :: error
    call put_real64_3(session, variable, time, reshape(field, [shape(field), 1]), south_first, error)
  end subroutine

  subroutine get_real32_2(session, variable, field, south_first, error)
    type(rossby_session), intent(in) :: session
    character(len=*), intent(in) :: variable
    real(c_float), intent(inout) :: field(:, :)
    logical, intent(in), optional :: south_first
    integer, intent(out), optional :: error
    real(c_float), allocatable, target :: levels(:, :, :)
    allocate (levels(size(field, 1), size(field, 2), 1))
    levels(:, :, 1) = field
    call get_real32_3(session, variable, levels, south_first, error)
    field = levels(:, :, 1)
  end subroutine

  subroutine get_real64_2(session, variable, field, south_first, error)
    type(rossby_session), intent(in) :: session
    character(len=*), intent(in) :: variable
    real(c_double), intent(inout) :: field(:, :)
    logical, intent(in), optional :: south_first
    integer, intent(out), optional :: error
    real(c_double), allocatable, target :: levels(:, :, :)
    allocate (levels(size(field, 1), size(field, 2), 1))
    levels(:, :, 1) = field
    call get_real64_3(session, variable, levels, south_first, error)
    field = levels(:, :, 1)
  end subroutine

end module rossby
