/* A C program with a state of its own that lets Rossby make time steps of it. Its fields are double, with the rows from
 * south to north and the levels of a column next to each other; each rank has a band of rows of its own.
 *
 *   mpirun -n 2 06_c_host DECK STATE TIME STEPS OUT [SETTING ...]
 *
 * STATE holds float32 fields, north first, of every prognostic variable and level: here those of inputs/tiny.yml. OUT
 * gets the same after STEPS steps. Settings "a.b=c" replace deck keys. */
#include <rossby.h>

#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
  char const* name;
  int levels;
} const variables[] = {{"u", 2}, {"v", 2}, {"t", 2}, {"ps", 1}, {"t2m", 1}};
enum { count = sizeof variables / sizeof variables[0] };

static void expect(int failed)
{
  if (failed) {
    fprintf(stderr, "error: %s\n", rossby_error());
    MPI_Abort(MPI_COMM_WORLD, 1);
  }
}

static void expect_file(int good, char const* name)
{
  if (!good) {
    perror(name);
    MPI_Abort(MPI_COMM_WORLD, 1);
  }
}

/* This rank's band of rows, its fields one after the other: [row from the south][column][level]. */
struct state {
  int64_t row, rows, columns, grid_rows;
  double* fields[count];
};

static double* cell(struct state const* s, int v, int64_t north, int64_t column)
{
  return s->fields[v] + ((s->rows - 1 - north) * s->columns + column) * variables[v].levels;
}

/* Reads or writes the band of each field of a file. */
static void transfer(struct state const* s, FILE* file, int write)
{
  long field = 0;
  for (int v = 0; v < count; ++v)
    for (int k = 0; k < variables[v].levels; ++k, ++field) {
      fseek(file, (field * s->grid_rows + s->row) * s->columns * (long)sizeof(float), SEEK_SET);
      for (int64_t i = 0; i < s->rows; ++i)
        for (int64_t j = 0; j < s->columns; ++j) {
          float value = write ? (float)cell(s, v, i, j)[k] : 0;
          expect_file((write ? fwrite(&value, sizeof value, 1, file) : fread(&value, sizeof value, 1, file)) == 1,
                      "a field");
          if (!write)
            cell(s, v, i, j)[k] = value;
        }
    }
}

int main(int argc, char** argv)
{
  int provided, rank, ranks;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  if (argc < 6) {
    fprintf(stderr, "usage: %s DECK STATE TIME STEPS OUT [SETTING ...]\n", argv[0]);
    MPI_Abort(MPI_COMM_WORLD, 2);
  }
  char settings[4096] = "";
  for (int i = 6; i < argc; ++i) {
    strncat(settings, argv[i], sizeof settings - strlen(settings) - 2);
    strcat(settings, "\n");
  }

  expect(rossby_start(&argc, argv));
  MPI_Comm comm = MPI_COMM_WORLD;
  rossby_session* session = rossby_open(argv[1], settings, ROSSBY_FORECAST, &comm, NULL, NULL);
  expect(!session);
  expect(rossby_load(session, NULL)); /* the best checkpoint of the deck's run */

  struct state s;
  expect(rossby_grid(session, &s.grid_rows, &s.columns));
  /* The last rank has a row more than its share, so that the tiles are not the model's. */
  int64_t const share = s.grid_rows / ranks - (ranks > 1);
  s.row = rank * share;
  s.rows = rank + 1 < ranks ? share : s.grid_rows - s.row;
  expect(rossby_tile(session, s.row, s.rows, 0, s.columns));
  for (int v = 0; v < count; ++v)
    s.fields[v] = malloc((size_t)(s.rows * s.columns * variables[v].levels) * sizeof(double));

  FILE* file = fopen(argv[2], "rb");
  expect_file(file != NULL, argv[2]);
  transfer(&s, file, 0);
  fclose(file);

  rossby_layout layouts[count];
  for (int v = 0; v < count; ++v) {
    int64_t const levels = variables[v].levels;
    rossby_layout const layout = {ROSSBY_FLOAT64, levels, s.rows, s.columns, 1, -s.columns * levels, levels};
    layouts[v] = layout;
    expect(rossby_put(session, variables[v].name, argv[3], cell(&s, v, 0, 0), layout));
  }
  expect(rossby_begin(session, argv[3]));
  int const steps = atoi(argv[4]);
  for (int step = 0; step < steps; ++step)
    expect(rossby_step(session)); /* radiation is computed, and the terrain's height comes from the deck's file */
  for (int v = 0; v < count; ++v)
    expect(rossby_get(session, variables[v].name, cell(&s, v, 0, 0), layouts[v]));

  /* A wrong name is an error that says what there is; the session goes on. */
  if (rossby_get(session, "geopotential", cell(&s, 0, 0, 0), layouts[0]) == 0 || !strstr(rossby_error(), "no such"))
    MPI_Abort(MPI_COMM_WORLD, 1);

  for (int turn = 0; turn < ranks; ++turn) { /* one after the other */
    if (turn == rank) {
      file = fopen(argv[5], rank == 0 ? "wb" : "r+b");
      expect_file(file != NULL, argv[5]);
      transfer(&s, file, 1);
      fclose(file);
    }
    MPI_Barrier(MPI_COMM_WORLD);
  }
  for (int v = 0; v < count; ++v)
    free(s.fields[v]);
  rossby_close(session);
  rossby_stop();
  MPI_Finalize();
  return 0;
}
