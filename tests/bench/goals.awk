# Compares the figures with the goals: a table, a column for each xfersh.
#
#   awk -f goals.awk FIGURES              all goals, as Markdown
#   awk -v gate=1 -f goals.awk FIGURES    only the counts, a line each; fails if one is missed
#
# FIGURES are lines TOPIC LABEL X MEDIAN LEAST, tab separated, as the benchmarks
# write them. A goal whose figure was not measured is left out.

BEGIN { FS = "\t" }
{ value[$1, $2, $3] = $4 }
$2 ~ /^xfersh/ && $2 != "xfersh, no policy file" && !($2 in known) { known[$2]; ours[++count] = $2 }

function has(topic, label, x) { return (topic, label, x) in value }

# goal(WHAT, FOUND, LIMIT, SHOWN, COUNTED): one cell. SHOWN is a format; COUNTED goals are the gate's.
function goal(what, found, limit, shown, counted,   said) {
	said = found <= limit ? "met" : "missed by " over(found, limit, shown)
	if (gate) {
		if (!counted) return
		printf "%s: %s: " shown ", %s\n", label, what, found, said
		missed = missed || found > limit
		return
	}
	if (!(what in row)) order[++rows] = what
	row[what]
	cell[what, label] = sprintf(shown ", ", found) (found <= limit ? "met" : "**" said "**")
}

# By how much, in the unit of the goal; ratios and counts in percent too.
function over(found, limit, shown) {
	return sprintf(shown, found - limit) (limit ? sprintf(" (%.0f %%)", (found / limit - 1) * 100) : "")
}

function ratio(what, topic, base, limit) {
	if (has(topic, label) && has(topic, base) && value[topic, base, ""])
		goal(what, value[topic, label, ""] / value[topic, base, ""], limit, "%.2f")
}

# difference(WHAT, TOPIC, LABEL AND X, BASE AND X, SCALE, LIMIT, SHOWN)
function difference(what, topic, x, base, base_x, scale, limit, shown) {
	if (has(topic, label, x) && has(topic, base, base_x))
		goal(what, (value[topic, label, x] - value[topic, base, base_x]) / scale, limit, shown)
}

function counted(what, topic, limit, scale, shown) {
	if (has(topic, label))
		goal(what, value[topic, label, ""] / scale, limit, shown, 1)
}

function all_goals(   musl) {
	musl = value["musl", label, ""]
	ratio("start to the server's first instruction: at most 0.9 × dash, with musl 0.65 ×", "start", "dash", musl ? 0.65 : 0.9)
	ratio("first SFTP reply: at most 2.0 × the floor", "reply", "floor", 2)
	counted("system calls before the server is executed: at most 100", "calls", 100, 1, "%d")
	counted("user instructions before that: at most 166,000, as dash", "instructions", 166000, 1, "%d")
	if (musl) counted("CPUID instructions: with musl none", "cpuid", 0, 1, "%d")
	counted("binary: at most 1.5 MiB, with musl 1.1 MiB", "size", musl ? 1.1 : 1.5, 1048576, "%.2f MiB")
	if (has("memory", label)) goal("idle session beyond the server: at most 100 KiB", value["memory", label, ""], 100, "%.0f KiB")
	difference("10,000 match blocks: at most 1 ms more than no policy", "blocks", 10000, label, 0, 1000, 1, "%.1f ms")
	difference("5,000 directories in the home: at most 30 ms more than an empty home", "directories", 5000, label, 0, 1000, 30, "%.1f ms")
	difference("login and quit through sshd: at most 1 ms more than dash", "login", "", "dash", "", 1, 1, "%.1f ms")
	ratio("5,000 files of 1 KiB over pipes, one CPU: at most 1.8 × the bare server", "small", "floor", 1.8)
	ratio("5,000 files of 1 KiB through sshd, one CPU: at most 1.08 ×", "small-sshd", "floor", 1.08)
	ratio("one large file by sftp, up: at most 1.01 ×", "large sftp up", "floor", 1 / 0.99)
	ratio("one large file by sftp, down: at most 1.01 ×", "large sftp down", "floor", 1 / 0.99)
	ratio("one large file by scp, up: at most 1.01 ×", "large scp up", "floor", 1 / 0.99)
	ratio("one large file by scp, down: at most 1.01 ×", "large scp down", "floor", 1 / 0.99)
}

END {
	for (i = 1; i <= count; i++) {
		label = ours[i]
		all_goals()
	}
	if (gate) exit missed || !count
	printf "| goal |"
	for (i = 1; i <= count; i++) printf " %s |", ours[i]
	printf "\n|---|"
	for (i = 1; i <= count; i++) printf "---|"
	print ""
	for (n = 1; n <= rows; n++) {
		printf "| %s |", order[n]
		for (i = 1; i <= count; i++) printf " %s |", (order[n], ours[i]) in cell ? cell[order[n], ours[i]] : "–"
		print ""
	}
}
