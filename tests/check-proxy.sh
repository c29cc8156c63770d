#!/bin/sh
# The example configurations of proxies are ones: the programs themselves are
# asked, where they are installed.
set -u
where=${top_srcdir:-.}/contrib/proxy
PATH=$PATH:/usr/sbin:/sbin
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
asked=0 bad=0

have() {
	command -v "$1" >/dev/null && return 0
	echo "there is no $1 here: not asked about its example" >&2
	return 1
}

have openssl || exit 77
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
    -days 2 -subj /CN=holdfast -keyout "$dir/key" -out "$dir/cert" \
    2>"$dir/said" || { cat "$dir/said" >&2; exit 1; }
cat "$dir/cert" "$dir/key" >"$dir/both"

if have haproxy; then
	asked=1
	sed -e "s|/etc/haproxy/holdfast.pem|$dir/both|" \
	    -e '/^	user /d' -e '/^	group /d' \
	    "$where/haproxy.cfg" >"$dir/haproxy.cfg"
	haproxy -c -f "$dir/haproxy.cfg" >"$dir/said" 2>&1 ||
	    { cat "$dir/said" >&2; bad=1; }
	if grep -q 'WARNING' "$dir/said"; then
		cat "$dir/said" >&2
		bad=1
	fi
fi
if have nginx; then
	asked=1
	sed -e "s|/etc/nginx/holdfast.pem|$dir/cert|" \
	    -e "s|/etc/nginx/holdfast.key|$dir/key|" \
	    -e "s|/run/nginx.pid|$dir/pid|" -e '/^user /d' \
	    -e "s|listen 443 |listen unix:$dir/listen |" \
	    -e "s|^http {|&\nclient_body_temp_path $dir;\nproxy_temp_path $dir;\nfastcgi_temp_path $dir;\nuwsgi_temp_path $dir;\nscgi_temp_path $dir;|" \
	    "$where/nginx.conf" >"$dir/nginx.conf"
	nginx -t -e stderr -c "$dir/nginx.conf" >"$dir/said" 2>&1 ||
	    { cat "$dir/said" >&2; bad=1; }
	if grep -q '\[warn\]' "$dir/said"; then
		cat "$dir/said" >&2
		bad=1
	fi
fi
[ "$asked" = 1 ] || exit 77
exit $bad
