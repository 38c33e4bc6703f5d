#!/bin/sh
# In a Debian: copies the files of packages to /pkg/NAME, as packages of another distribution are made of.
set -e

collect() { # NAME DEBIAN-PACKAGE...
  out=/pkg/$1
  shift
  mkdir -p "$out"
  for package in "$@"; do
    for list in "/var/lib/dpkg/info/$package.list" "/var/lib/dpkg/info/$package":*.list; do
      [ ! -e "$list" ] || cat "$list"
    done
  done | while read -r file; do
    case $file in
      /bin | /sbin | /lib | /lib64 | /etc/sysctl* | /usr/share/doc/* | /usr/share/man/* | /usr/share/locale/* | /usr/share/info/*) continue ;;
      /bin/* | /sbin/* | /lib/*) file=/usr$file ;;
    esac
    if [ ! -e "$file" ] || { [ -d "$file" ] && [ ! -L "$file" ]; }; then continue; fi
    echo "./${file#/}"
  done >/tmp/files
  tar -C / --no-recursion -T /tmp/files -cf - | tar -C "$out" -xpf -
}

collect openssh-server openssh-server
collect openssh-sftp-server openssh-sftp-server
collect openssh-client openssh-client
collect git git
collect sudo sudo
collect tar tar
collect procps procps
collect util-linux util-linux util-linux-extra
collect shadow passwd login
collect coreutils coreutils
collect bash bash
collect ca-certificates ca-certificates
mkdir -p /pkg/ca-certificates/etc/ssl/certs
cp -L /etc/ssl/certs/ca-certificates.crt /pkg/ca-certificates/etc/ssl/certs/

# What their programs run on.
mkdir -p /pkg/debian-libs/usr/lib /pkg/debian-libs/lib64 /pkg/debian-libs/etc/pam.d
cp -a /usr/lib/*-linux-gnu* /pkg/debian-libs/usr/lib/
cp -aL /lib64/ld-linux* /pkg/debian-libs/lib64/
cp -a /etc/pam.d/common-* /etc/pam.d/other /pkg/debian-libs/etc/pam.d/
rm -rf /pkg/debian-libs/usr/lib/*/perl* /pkg/debian-libs/usr/lib/*/gconv
