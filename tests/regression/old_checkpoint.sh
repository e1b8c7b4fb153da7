#!/usr/bin/env bash
# A checkpoint written before models became families of a registry (sources e60f6c1740c8) loads: its forecast and the
# epoch that follows it have the numbers that the program of then gave. checkpoint_before.h5.xz was made by it with the
# deck below, from weights that are mostly zero and with gradients clipped to nearly nothing, so that it packs well.
# needs: netcdf
. "$(dirname "${BASH_SOURCE[0]}")/../support/bad_input.bash"
python "
text = open('deck.yml').read()
for old, new in (('dim: [8, 16, 32, 64]', 'dim: [4, 8, 16, 32]'), ('dim_head: 8', 'dim_head: 4'),
                 ('[[2, 4], [2, 4], [2, 4], [2, 4]]', '[[2], [2], [2], [2]]'),
                 ('use_spectral_norm: true', 'use_spectral_norm: false'), ('grad_max_norm: 1.0', 'grad_max_norm: 1.0e-44'),
                 ('  epochs: 3', '  epochs: 3\n  num_epoch: 1\n  batches_per_epoch: 3\n  valid_batches_per_epoch: 1')):
    assert text.count(old) == 1, old
    text = text.replace(old, new)
open('deck.yml', 'w').write(text)"
expect_success "preprocess" "$ROSSBY_PROGRAM" preprocess deck.yml
python "
import lzma
open('runs/tiny/checkpoint.h5', 'wb').write(lzma.open(sys.argv[1]).read())" "$ROSSBY_SOURCE/tests/regression/checkpoint_before.h5.xz"
expect_success "forecast" "$ROSSBY_PROGRAM" forecast deck.yml
python "
expected = {'u': (9.277291, 0.4982359), 't2m': (279.0817, 0.5070964), 'rain': (0.1962977, 0.01462862)}
with netCDF4.Dataset('runs/tiny/forecast/20000109_0000Z/full.nc') as f:
    for name, numbers in expected.items():
        field = np.asarray(f[name][:], dtype='f8')
        found = (field.mean(), field.std())
        assert np.allclose(found, numbers, rtol=2e-5, atol=1e-5 * numbers[1]), (name, found, numbers)" >output.txt 2>&1 || complain "forecast" "other numbers"
expect_success "going on" "$ROSSBY_PROGRAM" train --resume deck.yml
python "
import csv
row = list(csv.DictReader(open('runs/tiny/training_log.csv')))[1]
expected = {'train_loss': 2.2490419729978823, 'valid_loss': 1.1247250598064555, 'train_rmse': 73.41845656848021}
for name, number in expected.items():
    assert abs(float(row[name]) / number - 1) < 1e-5, (name, row[name], number)" >output.txt 2>&1 || complain "the next epoch" "other numbers"
finish
