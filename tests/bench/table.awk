# A Markdown table of medians: LABEL COUNT LEAST MEDIAN, and the same again for
# the processor time, if there is any. `absent`: peers that could not be had.
function number(value) { return sprintf("%." digits "f", value) }
function over(value, base) { return base ? sprintf("%.2f", value / base) : "" }
NR == 1 {
	first = $4; first_cpu = $8; cpu = $8 != 0
	printf "| | median, %s | least, %s | ratio |%s\n", unit, unit, cpu ? " CPU of the session, " unit " | ratio |" : ""
	print "|---|--:|--:|--:|" (cpu ? "--:|--:|" : "")
}
{
	printf "| %s | %s | %s | %s |", $1, number($4), number($3), over($4, first)
	print cpu ? sprintf(" %s | %s |", number($8), over($8, first_cpu)) : ""
}
END {
	count = split(absent, name, "|")
	for (i = 1; i <= count; i++) print "| " name[i] " | not installed | | |" (cpu ? " | |" : "")
}
