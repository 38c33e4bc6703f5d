#!/bin/sh
# Makes a signed repository of apk's in /srv/apk of what is in /pkg. The key is in /key, its public half in /etc/apk/keys.
set -e
mkdir -p /srv/apk
for folder in /pkg/*; do
  name=${folder#/pkg/}
  set --
  [ "$name" = debian-libs ] || set -- --info depends:debian-libs
  apk mkpkg --sign-key /test --files "$folder" --output "/srv/apk/$name-99.apk" "$@" --info "name:$name" \
    --info version:99 --info "arch:$(apk --print-arch)" --info 'description:files of Debian' --info 'license:as in Debian'
done
apk mkndx --sign-key /test --output /srv/apk/Packages.adb /srv/apk/*.apk
