#!/bin/sh
# The example of a configuration is one, with users and files that are there.
set -u
example=${top_srcdir:-..}/contrib/holdfast.conf.example
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
alice=$(id -u) bob=$(id -u)
[ "$alice" = 0 ] && alice=daemon bob=nobody
umask 077
# Key and certificate must belong together.
command -v openssl >/dev/null || { echo "needs openssl(1)"; exit 77; }
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
    -subj /CN=localhost -days 2 -keyout "$dir/key.pem" -out "$dir/cert.pem" \
    2>/dev/null || exit 99
for secret in bob.token bob.token.old signing.key; do
	echo "$secret: at least as long as a secret has to be" >"$dir/$secret"
done
sed -e "s|/etc/holdfast|$dir|g" -e "s|\"user\": \"alice\"|\"user\": \"$alice\"|" \
    -e "s|\"user\": \"bob\"|\"user\": \"$bob\"|" "$example" >"$dir/conf"
broker/holdfastd -n --config "$dir/conf" || exit 1
# And as it stands something is missing here, which is said with its line.
broker/holdfastd -n --config "$example" 2>&1 |
    grep -q "holdfast.conf.example:[0-9]*: .*/etc/holdfast/bob.token" ||
    [ -e /etc/holdfast/bob.token ]
