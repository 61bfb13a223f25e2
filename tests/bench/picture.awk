# Draws one picture of the page docs/performance.md as SVG.
#
#   awk -v picture=NAME -f picture.awk FIGURES >NAME.svg
#   awk -v picture=list -f picture.awk              the names
#
# FIGURES are lines TOPIC LABEL X MEDIAN LEAST, tab separated, as the benchmarks
# write them. A picture is one or more panels, one below the other: bars of the
# labels of a topic, or lines over X, both axes in equal steps of powers of ten.
# It has a background of its own and follows the browser's light or dark mode.

# The pictures. bars(TOPIC, TITLE, AXIS, DIGITS, SCALE, GOAL, ITS WORDS), lines(TOPIC, TITLE, X AXIS, Y AXIS, SCALE).
function draw(name) {
	if (name == "start") {
		bars("start", "Start of a session, to the server’s first instruction, on one CPU", "milliseconds", 2, 1000, 0.9 * of("start", "dash") / 1000, "0.9 × dash")
		bars("reply", "To the first SFTP reply, on one CPU", "milliseconds", 2, 1000, 2 * of("reply", "floor") / 1000, "2 × floor")
	} else if (name == "login") {
		bars("login", "Login and quit through sshd, on one CPU", "milliseconds", 1, 1, of("login", "dash") + 1, "dash + 1 ms")
		bars("login-2", "The same on all CPUs", "milliseconds", 1, 1)
	} else if (name == "small-files") {
		bars("small-sshd", "5,000 files of 1 KiB up, through sshd, on one CPU", "seconds", 2, 1, 1.08 * of("small-sshd", "floor"), "1.08 × floor")
		bars("small", "The same over pipes, without ssh, on one CPU", "seconds", 2, 1, 1.8 * of("small", "floor"), "1.8 × floor")
	} else if (name == "memory") {
		bars("memory", "Memory of an idle session beyond the server", "KiB (PSS, ten sessions at once)", 0, 1, 100, "100 KiB")
		bars("memory-sshd", "Memory of a whole connection: sshd, shell and server", "KiB (PSS, ten connections at once)", 0, 1)
	} else if (name == "scaling-home") {
		lines("entries", "Start with many files in the home, default policy", "files in the home", "milliseconds", 1000)
		lines("directories", "Start with many directories in the home, default policy", "directories in the home", "milliseconds", 1000)
	} else if (name == "scaling-policy") {
		lines("blocks", "Start with a long policy", "match blocks in the policy", "milliseconds", 1000)
	} else if (name == "scaling-sessions") {
		lines("sessions", "Start while other sessions are open", "sessions that are open", "milliseconds", 1000)
		lines("sessions-memory", "Memory of each session beyond the server", "sessions that are open", "KiB (PSS)", 1)
	}
}

function of(topic, name) { return value[topic, name, ""] }

BEGIN {
	FS = "\t"
	names = "start login small-files memory scaling-home scaling-policy scaling-sessions"
	if (picture == "list") {
		gsub(" ", "\n", names)
		print names
		exit
	}
	width = 760; left = 190; right = 90 # of the bars; the labels are left of them
}
{
	value[$1, $2, $3] = $4
	if (!(($1, $2) in known)) { known[$1, $2]; label[$1, ++labels[$1]] = $2 }
	if (!(($1, "x", $3) in known)) { known[$1, "x", $3]; x[$1, ++xs[$1]] = $3 }
}
END {
	if (picture == "list") exit
	draw(picture)
	if (!body) { print "picture.awk: no figures for " picture > "/dev/stderr"; exit 1 }
	head()
	printf "%s</svg>\n", body
}

function head() {
	printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\" font-family=\"system-ui, 'DejaVu Sans', sans-serif\" font-size=\"13\">\n", width, bottom + 12, width, bottom + 12
	print "<style>"
	print "svg { color-scheme: light dark }"
	print ".back { fill: #ffffff } text { fill: #24292f } .quiet { fill: #57606a } .grid { stroke: #d8dee4 } .axis { stroke: #8c959f }"
	print ".c0 { fill: #0969da; stroke: #0969da } .c1 { fill: #1a7f37; stroke: #1a7f37 } .c2 { fill: #9a6700; stroke: #9a6700 } .c3 { fill: #8250df; stroke: #8250df } .other { fill: #8c959f; stroke: #8c959f }"
	print "text { paint-order: stroke; stroke: #ffffff !important; stroke-width: 3px; stroke-linejoin: round } .goal { stroke: #cf222e; stroke-dasharray: 5 4; stroke-width: 1.5 } polyline { fill: none !important; stroke-width: 2 } rect { stroke: none !important } .title { font-weight: 600; font-size: 15px }"
	print "@media (prefers-color-scheme: dark) {"
	print ".back { fill: #0d1117 } text { fill: #e6edf3 } .quiet { fill: #9198a1 } .grid { stroke: #30363d } .axis { stroke: #6e7681 }"
	print ".c0 { fill: #4493f8; stroke: #4493f8 } .c1 { fill: #3fb950; stroke: #3fb950 } .c2 { fill: #d29922; stroke: #d29922 } .c3 { fill: #ab7df8; stroke: #ab7df8 } .other { fill: #6e7681; stroke: #6e7681 } .goal { stroke: #f85149 } text { stroke: #0d1117 !important }"
	print "}"
	print "</style>"
	printf "<rect class=\"back\" width=\"%d\" height=\"%d\" rx=\"6\"/>\n", width, bottom + 12
}

function add(text) { body = body text "\n" }
function escaped(words) { gsub(/&/, "\\&amp;", words); gsub(/</, "\\&lt;", words); return words }
function text_at(at, y, anchor, class, words) {
	add(sprintf("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" class=\"%s\">%s</text>", at, y, anchor, class, escaped(words)))
}
function line_at(x1, y1, x2, y2, class) {
	add(sprintf("<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"%s\"/>", x1, y1, x2, y2, class))
}

# Each xfersh has a colour of its own, in all panels the same; all others are grey.
function colour(name) {
	if (name !~ /^xfersh/) return "other"
	if (name ~ /no policy file/) return "c0"
	if (!(name in colours)) colours[name] = "c" (colour_count++ % 4)
	return colours[name]
}

# 12345 as 12,345.
function grouped(number,   shown) {
	shown = number
	while (match(shown, /^[0-9]+[0-9][0-9][0-9]($|[.,])/) && match(shown, /^[0-9]+/) && RLENGTH > 3)
		shown = substr(shown, 1, RLENGTH - 3) "," substr(shown, RLENGTH - 2)
	return shown
}

# A step of 1, 2 or 5 times a power of ten, at most six of which reach `most`.
function step_for(most,   step) {
	for (step = 0.001; step * 6 < most; step *= 10) {
		if (step * 2 * 6 >= most) return step * 2
		if (step * 5 * 6 >= most) return step * 5
	}
	return step
}

function bars(topic, title, axis, digits, scale, goal, goal_words,   i, name, most, room, step, mark, y, top) {
	if (!labels[topic]) return
	for (i = 1; i <= labels[topic]; i++)
		if (value[topic, label[topic, i], ""] / scale > most) most = value[topic, label[topic, i], ""] / scale
	if (!most) return
	room = width - left - right
	step = step_for(most)
	text_at(16, bottom + 30, "start", "title", title)
	top = bottom + 46
	bottom = top + labels[topic] * 24 + 4
	for (mark = 0; mark <= most * 1.0001; mark += step) {
		line_at(left + mark / most * room, top, left + mark / most * room, bottom, mark ? "grid" : "axis")
		text_at(left + mark / most * room, bottom + 16, "middle", "quiet", grouped(sprintf("%g", mark)))
	}
	for (i = 1; i <= labels[topic]; i++) {
		name = label[topic, i]
		y = top + (i - 1) * 24 + 4
		text_at(left - 8, y + 14, "end", "", name == "floor" ? "no shell (the floor)" : name)
		add(sprintf("<rect x=\"%d\" y=\"%.1f\" width=\"%.1f\" height=\"18\" rx=\"2\" class=\"%s\"/>", left, y, value[topic, name, ""] / scale / most * room, colour(name)))
	}
	if (goal && goal <= most) {
		line_at(left + goal / most * room, top - 2, left + goal / most * room, bottom, "goal")
		axis = axis "; dashed: the goal, " goal_words
	}
	for (i = 1; i <= labels[topic]; i++) {
		name = label[topic, i]
		y = top + (i - 1) * 24 + 4
		text_at(left + value[topic, name, ""] / scale / most * room + 6, y + 14, "start", "", grouped(sprintf("%." digits "f", value[topic, name, ""] / scale)))
	}
	text_at(left + room / 2, bottom + 34, "middle", "quiet", axis)
	bottom += 42
}

function tens(number) { return log(number) / log(10) }

function lines(topic, title, x_axis, y_axis, scale,   i, n, name, low, high, most, v, room, height, top, from, to, mark, points, across, y) {
	if (!labels[topic]) return
	low = 1e18
	for (i = 1; i <= labels[topic]; i++)
		for (n = 1; n <= xs[topic]; n++) {
			if (!((topic, label[topic, i], x[topic, n]) in value)) continue
			v = value[topic, label[topic, i], x[topic, n]] / scale
			if (v > 0 && v < low) low = v
			if (v > most) most = v
		}
	# From a half or a whole power of ten to another.
	for (from = 1e-6; from * 10 <= low; ) from *= 10
	for (to = from; to < most; ) to *= 10
	if (to / 2 >= most) to /= 2
	if (to / 2.5 >= most) to /= 2.5
	if (from * 5 <= low) from *= 5
	else if (from * 2 <= low) from *= 2

	from_x = 70
	room = width - from_x - 190
	height = 200
	text_at(16, bottom + 30, "start", "title", title)
	text_at(16, bottom + 52, "start", "quiet", y_axis)
	top = bottom + 64
	bottom = top + height
	for (mark = 1e-6; mark <= to * 1.0001; mark *= 10)
		for (i = 1; i <= 5; i += i == 2 ? 3 : 1) {
			if (i * mark < from * 0.9999 || i * mark > to * 1.0001) continue
			if (i > 1 && to / from > 200) continue
			y = bottom - (tens(i * mark) - tens(from)) / (tens(to) - tens(from)) * height
			line_at(from_x, y, from_x + room, y, "grid")
			text_at(from_x - 8, y + 4, "end", "quiet", grouped(sprintf("%g", i * mark)))
		}
	line_at(from_x, bottom, from_x + room, bottom, "axis")
	across = room / (xs[topic] > 1 ? xs[topic] - 1 : 1)
	for (n = 1; n <= xs[topic]; n++)
		text_at(from_x + (n - 1) * across, bottom + 18, "middle", "quiet", grouped(x[topic, n]))
	text_at(from_x + room / 2, bottom + 38, "middle", "quiet", x_axis)
	place_ends(topic, scale, from, to, bottom, height)
	for (i = 1; i <= labels[topic]; i++) {
		name = label[topic, i]
		points = ""
		for (n = 1; n <= xs[topic]; n++) {
			if (!((topic, name, x[topic, n]) in value)) continue
			y = bottom - (tens(value[topic, name, x[topic, n]] / scale) - tens(from)) / (tens(to) - tens(from)) * height
			points = points sprintf("%.1f,%.1f ", from_x + (n - 1) * across, y)
			add(sprintf("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\" class=\"%s\"/>", from_x + (n - 1) * across, y, colour(name)))
		}
		add(sprintf("<polyline points=\"%s\" class=\"%s\"/>", points, colour(name)))
		v = value[topic, name, x[topic, xs[topic]]] / scale
		text_at(from_x + room + 10, end_y[name] + 4, "start", colour(name) == "other" ? "" : colour(name), name " " grouped(sprintf(v < 10 ? "%.1f" : "%.0f", v)))
	}
	bottom += 46
}

# Where each line's name goes: at its end, but 16 apart from the next.
function place_ends(topic, scale, from, to, floor_y, height,   i, j, held, order, count) {
	count = labels[topic]
	for (i = 1; i <= count; i++) {
		order[i] = label[topic, i]
		end_y[order[i]] = floor_y - (tens(value[topic, order[i], x[topic, xs[topic]]] / scale) - tens(from)) / (tens(to) - tens(from)) * height
	}
	for (i = 2; i <= count; i++) {
		held = order[i]
		for (j = i - 1; j > 0 && end_y[order[j]] < end_y[held]; j--) order[j + 1] = order[j]
		order[j + 1] = held
	}
	for (i = 2; i <= count; i++)
		if (end_y[order[i]] > end_y[order[i - 1]] - 16) end_y[order[i]] = end_y[order[i - 1]] - 16
}
