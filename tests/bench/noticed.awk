# Three sentences for the page docs/performance.md: what a person notices. All
# on all CPUs, as users see it. Reads FIGURES: TOPIC LABEL X MEDIAN LEAST.
BEGIN { FS = "\t" }
{ value[$1, $2, $3] = $4; if ($1 ~ /^large/ && $2 == "floor") large[++count] = $1 }
function of(topic, label) { return value[topic, label, ""] }
END {
	if (of("login-2", "xfersh"))
		printf "* **Login and quit** through sshd take %.0f ms with xfersh, %.0f ms with dash as the shell and %.0f ms with `internal-sftp` and a chroot.\n",
			of("login-2", "xfersh"), of("login-2", "dash"), of("login-2", "internal-sftp, chroot")
	if (of("small-sshd-2", "xfersh")) {
		for (i = 1; i <= count; i++) {
			ratio = of(large[i], "xfersh") / of(large[i], "floor")
			if (i == 1 || ratio < low) low = ratio
			if (i == 1 || ratio > high) high = ratio
		}
		printf "* **Uploads**: 5,000 files of 1 KiB through sshd take %.2f s instead of %.2f s", of("small-sshd-2", "xfersh"), of("small-sshd-2", "floor")
		if (count) printf "; a large file takes %.2f to %.2f times as long as without xfersh, over pipes", low, high
		print "."
	}
	if (of("memory", "xfersh"))
		printf "* **Memory**: an open session holds %.0f KiB beyond the server; sshd and the server hold %.0f KiB for it.\n",
			of("memory", "xfersh"), of("memory-sshd", "floor")
}
