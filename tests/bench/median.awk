# Turns samples (LABEL<tab>VALUE...) into one line per label: LABEL<tab>COUNT
# <tab>MINIMUM<tab>MEDIAN of the column `column`. A line that is a label alone
# has no sample: it only says which label comes first.
BEGIN { FS = OFS = "\t"; if (!column) column = 2 }
!($1 in seen) { label[++labels] = $1; seen[$1] = 0 }
NF > 1 { value[$1, ++seen[$1]] = $column + 0 }
function sort(name, count,   i, j, held) {
	for (i = 2; i <= count; i++) {
		held = value[name, i]
		for (j = i - 1; j > 0 && value[name, j] > held; j--) value[name, j + 1] = value[name, j]
		value[name, j + 1] = held
	}
}
END {
	for (i = 1; i <= labels; i++) {
		name = label[i]; count = seen[name]
		if (!count) continue
		sort(name, count)
		middle = int((count + 1) / 2)
		median = count % 2 ? value[name, middle] : (value[name, middle] + value[name, middle + 1]) / 2
		print name, count, value[name, 1], median
	}
}
