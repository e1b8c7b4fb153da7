#!/usr/bin/env bash
# Brings the data of the winds example to data/winds: monthly winds and topography from Debian's package
# ferret-datasets (public domain, NOAA), and the static fields made from them. Does nothing when they are there.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/env.sh
package=ferret-datasets
target=data/winds
files=(monthly_navy_winds.cdf etopo20.cdf)
sums=(
  225a9e4fed7bb1a7b558afb662abbe2dc5e3d3db4100fa019cb994f10b115faa
  ba27cb2fa5f2f2b2c76e5a576f0a291fd11ebb3da99ed9b466150c0a064a1db4
)

# True when the files in folder $1 are the expected ones.
right_files() {
  local i
  for i in "${!files[@]}"; do
    [ -f "$1/${files[i]}" ] && echo "${sums[i]}  $1/${files[i]}" | sha256sum --check --status || return 1
  done
}

mkdir -p "$target"
if ! right_files "$target"; then
  installed="$(dpkg -L "$package" 2>/dev/null | grep "/${files[0]}\$" || true)"
  if [ -n "$installed" ] && right_files "$(dirname "$installed")"; then
    source_folder="$(dirname "$installed")"
  else # not installed, or its data left out by dpkg's settings
    scratch="$(mktemp -d)"
    trap 'rm -rf "$scratch"' EXIT
    chmod 755 "$scratch"
    echo "fetch_winds: downloading Debian's package $package (28 MB)"
    if ! (cd "$scratch" && apt-get -qq -o Acquire::Retries=3 -o APT::Sandbox::User=root download "$package") 2>"$scratch/log"; then
      cat "$scratch/log" >&2
      echo "fetch_winds: apt-get could not download $package; is 'apt-get update' needed, or the network down?" >&2
      exit 1
    fi
    dpkg -x "$scratch/$package"_*.deb "$scratch/unpacked"
    source_folder="$(dirname "$(find "$scratch/unpacked" -name "${files[0]}")")"
    right_files "$source_folder" || {
      echo "fetch_winds: $package holds other files than this example was made for (checksums differ)" >&2
      exit 1
    }
  fi
  for file in "${files[@]}"; do
    cp "$source_folder/$file" "$target/$file.part"
    mv "$target/$file.part" "$target/$file"
  done
fi
if [ ! -f "$target/static.nc" ] || [ tools/prepare_winds.py -nt "$target/static.nc" ]; then
  "$ROSSBY_PYTHON" tools/prepare_winds.py --winds "$target/${files[0]}" --relief "$target/${files[1]}" \
    --output "$target/static.nc"
fi
echo "fetch_winds: $target is complete"
