FROM nexus-test:ready AS debian
LABEL nexus.dev/test-stage=1
COPY collect.sh /
RUN sh /collect.sh && ssh-keygen -q -t rsa -m PEM -N '' -f /key && ssh-keygen -e -m PKCS8 -f /key.pub >/pub && \
    rm -rf /pkg/sudo && mkdir -p /pkg/openssh-keygen/usr/bin && mv /pkg/openssh-client/usr/bin/ssh-keygen /pkg/openssh-keygen/usr/bin/

FROM nexus-test:alpine-bare AS repository
LABEL nexus.dev/test-stage=1
COPY --from=debian /pkg /pkg
COPY --from=debian /key /test
COPY --from=debian /pub /etc/apk/keys/test.pub
COPY make-apks.sh /
RUN sh /make-apks.sh

FROM nexus-test:alpine-bare
COPY --from=repository /srv/apk /srv/apk
COPY --from=debian /pub /etc/apk/keys/test.pub
# What is copied out of a disk loses such bits.
RUN chmod u+s /usr/bin/sudo && echo /srv/apk/Packages.adb >/etc/apk/repositories
