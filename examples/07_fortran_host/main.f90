! A Fortran program with four ranks: the first half of them does other things, the second half steps a model on its own
! tiles. On one rank that one does the steps.
!
!   mpirun -n 4 07_fortran_host DECK STATE TIME STEPS OUT [SETTINGS]
!
! STATE holds float32 fields, north first, of every prognostic variable and level: here those of inputs/tiny.yml. OUT
! gets the same after STEPS steps. SETTINGS replace deck keys, one a line.
program fortran_host
  use mpi_f08
  use rossby
  use, intrinsic :: iso_fortran_env, only: real32
  implicit none

  character(len=3), parameter :: names(5) = ["u  ", "v  ", "t  ", "ps ", "t2m"]
  integer, parameter :: levels(5) = [2, 2, 2, 1, 1]
  type(MPI_Comm) :: modellers
  type(rossby_session) :: session
  integer :: provided, rank, ranks, color, busy
  logical :: models

  call MPI_Init_thread(MPI_THREAD_FUNNELED, provided)
  call MPI_Comm_rank(MPI_COMM_WORLD, rank)
  call MPI_Comm_size(MPI_COMM_WORLD, ranks)
  models = rank >= ranks/2
  color = merge(1, MPI_UNDEFINED, models)
  call MPI_Comm_split(MPI_COMM_WORLD, color, rank, modellers)
  if (models) then
    call rossby_start()
    call rossby_open(session, argument(1), modellers, overrides=argument(6))
    call rossby_load(session)
    call make_steps()
    call rossby_close(session)
    call rossby_stop()
    call MPI_Comm_free(modellers) ! still ours
  end if
  ! The others have not been waited for: they meet only here.
  busy = merge(1, 0, models)
  call MPI_Allreduce(MPI_IN_PLACE, busy, 1, MPI_INTEGER, MPI_SUM, MPI_COMM_WORLD)
  if (busy /= ranks - ranks/2) call MPI_Abort(MPI_COMM_WORLD, 1)
  call MPI_Finalize()

contains

  subroutine make_steps()
    real(real32), allocatable :: all_fields(:, :, :), memory(:, :, :)
    character(len=:), allocatable :: count
    integer :: columns, rows, me, members, first, last, unit, v, k, step, steps
    call rossby_grid(session, columns, rows)
    allocate (all_fields(columns, rows, sum(levels)))
    open (newunit=unit, file=argument(2), access="stream", form="unformatted", status="old", action="read")
    read (unit) all_fields
    close (unit)

    ! Tiles of columns here, where the model has tiles of rows; the fields lie in a larger array with a border, as in a
    ! model that has halos of its own.
    call MPI_Comm_rank(modellers, me)
    call MPI_Comm_size(modellers, members)
    first = me*(columns/members - 1) + 1
    last = merge(columns, first + columns/members - 2, me == members - 1)
    call rossby_tile(session, first, last, 1, rows)
    allocate (memory(first - 1:last + 1, 0:rows + 1, sum(levels)), source=-1.0_real32)
    memory(first:last, 1:rows, :) = all_fields(first:last, :, :)

    k = 1
    do v = 1, size(names)
      call rossby_put(session, names(v), argument(3), memory(first:last, 1:rows, k:k + levels(v) - 1))
      k = k + levels(v)
    end do
    call rossby_begin(session, argument(3))
    count = argument(4)
    read (count, *) steps
    do step = 1, steps
      call rossby_step(session)
    end do
    k = 1
    do v = 1, size(names)
      call rossby_get(session, names(v), memory(first:last, 1:rows, k:k + levels(v) - 1))
      k = k + levels(v)
    end do
    if (any(memory(first - 1, :, :) /= -1) .or. any(memory(:, rows + 1, :) /= -1)) error stop "the border was touched"

    all_fields = 0
    all_fields(first:last, :, :) = memory(first:last, 1:rows, :)
    call MPI_Allreduce(MPI_IN_PLACE, all_fields, size(all_fields), MPI_REAL, MPI_SUM, modellers)
    if (me == 0) then
      open (newunit=unit, file=argument(5), access="stream", form="unformatted", status="replace", action="write")
      write (unit) all_fields
      close (unit)
    end if
  end subroutine

  function argument(number) result(text)
    integer, intent(in) :: number
    character(len=:), allocatable :: text
    integer :: length
    call get_command_argument(number, length=length)
    allocate (character(len=length) :: text)
    if (length > 0) call get_command_argument(number, text)
  end function

end program fortran_host
