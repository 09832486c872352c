#!/usr/bin/env bash
# Downloads LLVM's libc++ for arm64 from Debian's archive and unpacks it where check.mjs looks for it. Nothing is installed, since the
# packages of two architectures have files of one name.
set -euo pipefail
folder="$(cd "$(dirname "$0")/../../packages/native" && pwd)/build/macos/arm64-libraries"
mkdir -p "$folder/lists/partial" "$folder/cache/archives/partial"
cd "$folder"
options=(-o APT::Architecture=arm64 -o APT::Architectures=arm64 -o "Dir::State::Lists=$folder/lists" -o "Dir::Cache=$folder/cache")
apt-get "${options[@]}" update
apt-get "${options[@]}" download libc++1-14 libc++abi1-14 libunwind-14
for package in *.deb; do dpkg -x "$package" .; done
rm -rf -- *.deb lists cache
