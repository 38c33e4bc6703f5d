FROM nexus-test:ready AS debian
LABEL nexus.dev/test-stage=1
COPY collect.sh /
RUN sh /collect.sh && cd /pkg && mv openssh-client openssh-clients && mv git git-core && mv procps procps-ng && \
    mv shadow shadow-utils && cp -a openssh-sftp-server/. openssh-server && rm -rf openssh-sftp-server coreutils bash

FROM nexus-test:plain AS dnf
LABEL nexus.dev/test-stage=1
RUN apt-get update && apt-get install -y --no-install-recommends dnf rpm createrepo-c && apt-get clean

FROM dnf AS repository
COPY --from=debian /pkg /pkg
COPY make-rpms.sh /
RUN sh /make-rpms.sh

FROM dnf
LABEL nexus.dev/test-stage=
COPY --from=repository /srv/rpm /srv/rpm
RUN rm -f /usr/bin/apt-get && mkdir -p /etc/yum.repos.d && \
    printf '[local]\nname=local\nbaseurl=file:///srv/rpm\ngpgcheck=0\n' >/etc/yum.repos.d/local.repo
