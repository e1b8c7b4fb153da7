/** \file
 * Rossby in a C program: weather models that the host steps or trains on its own ranks, with fields in its own layout
 * and tiles. docs/hosts.md says who owns what; rossby.f90 is the same for Fortran.
 *
 * Functions that return int return 0, or 1 when something is wrong: rossby_error() then says what and what to do. Those
 * marked "collective" are called by all ranks of the session, and fail on all of them together. One thread at a time.
 */
#ifndef ROSSBY_H
#define ROSSBY_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A deck read for a purpose, on a group of ranks. */
typedef struct rossby_session rossby_session;

enum rossby_purpose {
  ROSSBY_FORECAST = 0, /**< step a trained model, or run the forecasts of the deck */
  ROSSBY_TRAIN = 1     /**< train step by step */
};
enum rossby_type { ROSSBY_FLOAT32 = 4, ROSSBY_FLOAT64 = 8 };
enum rossby_level { ROSSBY_INFO = 0, ROSSBY_WARNING = 1, ROSSBY_ERROR = 2 };

/** Receives a session's messages, from its first rank. */
typedef void (*rossby_log)(int level, char const* message, void* data);

/** Starts Kokkos, unless the host has; takes Kokkos' own arguments (--kokkos-...) out of the list. argc and argv may be
 * null. MPI is the host's. Before the first session. */
int rossby_start(int* argc, char** argv);
/** After the last session; stops Kokkos if rossby_start started it. Some versions of Kokkos don't start again. */
void rossby_stop(void);

/** The last error of this thread. */
char const* rossby_error(void);

/** Opens a session on the ranks of *mpi_comm, an MPI_Comm by its address, so that this header needs no mpi.h; null: this
 * rank alone. The host keeps its communicator. `overrides` holds settings "a.b=c", one a line, that replace deck keys;
 * may be null. Without a log messages go to standard output and error. Null when it fails. Collective. */
rossby_session* rossby_open(char const* deck, char const* overrides, enum rossby_purpose, void const* mpi_comm,
                            rossby_log, void* log_data);
/** The same for a communicator of Fortran (comm%MPI_VAL, or the integer of the old modules). */
rossby_session* rossby_open_fortran(char const* deck, char const* overrides, int purpose, int mpi_comm, rossby_log,
                                    void* log_data);
/** Collective. Null is allowed. */
void rossby_close(rossby_session*);

/** The model's weights: of this checkpoint, or of the run's (null or ""). A training session goes on exactly where the
 * checkpoint's run was. Collective. */
int rossby_load(rossby_session*, char const* checkpoint);
/** Where training is, as a file that rossby_load, and the program, read on any number of ranks. Collective. */
int rossby_checkpoint(rossby_session*, char const* file);

/** Rows and columns of the deck's grid. Row 0 is the northernmost, column 0 lies at the deck's first longitude. */
int rossby_grid(rossby_session*, int64_t* rows, int64_t* columns);
/** Degrees: one number a row, one a column. */
int rossby_coordinates(rossby_session*, double* latitude, double* longitude);
/** The host's own tile on this rank: all its fields are of these cells. The tiles of the ranks that share a sample don't
 * overlap and cover the grid; some may be empty. Without this call the first rank has the whole grid. Collective. */
int rossby_tile(rossby_session*, int64_t row, int64_t rows, int64_t column, int64_t columns);

/** How a field lies in the host's memory: its extents, which must be those of the variable and of this rank's tile, and
 * how many elements lie between one level, row or column and the next. Negative ones turn an axis around: the address
 * that goes with a layout is that of the first level's northernmost row's first cell all the same. */
typedef struct rossby_layout {
  enum rossby_type type;
  int64_t levels, rows, columns;
  int64_t level_stride, row_stride, column_stride;
} rossby_layout;

/** Hands over a variable in physical units, by short name or by key ("ERA5/prognostic/3d/T"), at a time
 * ("2000-01-09T06:00"), on this rank's tile: all its levels. The values are copied. Variables that are not handed over
 * are read from the deck's files, or computed (solar radiation). */
int rossby_put(rossby_session*, char const* variable, char const* time, void const* data, rossby_layout);
/** A variable of the model's last output, in physical units, on this rank's tile. Collective. */
int rossby_get(rossby_session*, char const* variable, void* data, rossby_layout);

/** Takes the state at a time: all frames of the model's input. Collective. */
int rossby_begin(rossby_session*, char const* time);
/** One time step of the model: its output is then that of rossby_time. From the second step on forcing enters as put,
 * or from the deck's files. Collective. */
int rossby_step(rossby_session*);
/** The time of the state, or of the last output: seconds since 1970-01-01. */
int rossby_time(rossby_session*, int64_t* seconds);
/** Runs the forecasts of the deck's inference block and writes their files. Collective. */
int rossby_forecast(rossby_session*);

/** Trains one batch of one sample for every data-parallel group of ranks: input at `time`, and the truth after each of
 * the deck's forecast_len steps, as put or from files. The loss is that of the batch. Collective. */
int rossby_train_step(rossby_session*, char const* time, double* loss);

#ifdef __cplusplus
}
#endif
#endif
