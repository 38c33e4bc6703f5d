#!/bin/sh
# Makes a repository of dnf's in /srv/rpm of what is in /pkg.
set -e
mkdir -p /srv/rpm
for folder in /pkg/*; do
  name=${folder#/pkg/}
  cd "$folder"
  # What the base has is not taken from it.
  find . ! -type d | while read -r file; do [ ! -e "/$file" ] || printf '%s\0' "$file"; done | xargs -0r rm
  {
    printf 'Name: %s\nVersion: 99\nRelease: 1\nSummary: files of Debian\nLicense: as in Debian\nAutoReqProv: no\n' "$name"
    if [ "$name" = debian-libs ]; then echo 'Provides: /bin/sh'; else echo 'Requires: debian-libs'; fi
    printf '%%global debug_package %%{nil}\n%%define __os_install_post %%{nil}\n%%define _build_id_links none\n'
    printf '%%description\n%%install\nmkdir -p %%{buildroot}\ncp -a %s/. %%{buildroot}\n' "$folder"
    # As the packages of distributions do.
    [ "$name" != openssh-server ] ||
      printf '%%pre\ngrep -q ^sshd: /etc/passwd || useradd -r -M -s /usr/sbin/nologin sshd\n'
    echo '%files'
    find . ! -type d | sed 's,^\.\(.*\),"\1",'
  } >"/tmp/$name.spec"
  rpmbuild -bb --quiet --define '_rpmdir /srv/rpm' --define '_binary_payload w1.gzdio' "/tmp/$name.spec"
done
createrepo_c --quiet /srv/rpm
