# Writes a policy of a size and a kind: what costs most to read, to decide on
# or to start with, one kind after the other. The sound ones are served.
#
#   awk -f policies.awk -v kind=KIND -v bytes=N     that policy
#   awk -f policies.awk -v kind=list                all kinds: KIND sound|wrong
#
# Used by tests/bench/policy and by the suite's test `policy_size`.

# Repeats a piece until the policy is full; @ is the number of the piece.
function fill(before, piece, after, joint,    room, part, block, n, one) {
	printf "%s", before
	room = bytes - length(before) - length(after)
	split(piece, part, "@")
	if (index(piece, "@"))
		for (; room > 0; room -= length(one)) {
			one = (n ? joint : "") part[1] number(n) part[2]
			n++
			if (length(one) <= room)
				printf "%s", one
		}
	else {
		# The first one has no joint before it.
		printf "%s", piece
		room -= length(piece)
		for (block = joint piece; length(block) * 2 <= room; )
			block = block block
		for (; length(block) >= length(joint piece); block = substr(block, 1, length(block) / 2))
			for (; length(block) <= room; room -= length(block))
				printf "%s", block
	}
	printf "%s", after
}

function sound(name, before, piece, after, joint) { kinds[++count] = name " sound"; take(name, before, piece, after, joint) }
function wrong(name, before, piece, after, joint) { kinds[++count] = name " wrong"; take(name, before, piece, after, joint) }
function take(name, before, piece, after, joint) { if (name == kind) fill(before, piece, after, joint) }

BEGIN {
	rights = "protocols = [\"sftp\"]\nwritable = [\"~/uploads\"]\n"
	sound("directory", rights, "[[directory]]\npath = \"~/d@\"\naccess = \"read-only\"\n")
	sound("readable", rights "readable = [\n", "\"~/r@\"", "]\n", ",\n")
	sound("writable", "protocols = [\"sftp\"]\nwritable = [\n\"~/uploads\",\n", "\"~/w@\"", "]\n", ",\n")
	sound("nested", rights "readable = [\n", "\"~/" deep(60) "/r@\"", "]\n", ",\n")
	sound("cases", rights "readable = [\n", "\"~/@\"", "]\n", ",\n")
	sound("dotfile-names", rights "dotfile_names = [\n", "\".n@\"", "]\n", ",\n")
	sound("match-blocks", rights, "[[match]]\nuser = \"u@\"\naccess = \"read-only\"\n")
	sound("match-users", rights "[[match]]\naccess = \"read-only\"\nuser = [\n", "\"u@\"", "]\n", ",\n")
	sound("match-user-globs", rights "[[match]]\naccess = \"read-only\"\nuser = [\n", "\"*u*@\"", "]\n", ",\n")
	sound("match-groups", rights "[[match]]\naccess = \"read-only\"\ngroup = [\n", "\"g@\"", "]\n", ",\n")
	sound("match-group-globs", rights "[[match]]\naccess = \"read-only\"\ngroup = [\n", "\"*g*@\"", "]\n", ",\n")
	sound("match-addresses", rights "[[match]]\naccess = \"read-only\"\naddress = [\n", "\"2001:db8::@\"", "]\n", ",\n")
	sound("match-directories", rights "[[match]]\nuser = \"*\"\n", "[[match.directory]]\npath = \"~/d@\"\naccess = \"read-only\"\n")
	sound("match-all", rights, "[[match]]\nuser = \"*\"\numask = \"022\"\nreadable = [\"~/r@\"]\n")
	sound("comment", rights "# ", "x", "\n")
	sound("comments", rights, "#\n")
	sound("blank-lines", rights, "\n")
	wrong("dotfile-globs", rights "dotfile_names = [\n", "\".n@*\"", "]\n", ",\n")
	wrong("name-of-stars", rights "dotfile_names = [\".a", "*", "\"]\n")
	wrong("name", rights "dotfile_names = [\".a", "b", "\"]\n")
	wrong("path", rights "readable = [\"~", "/a", "\"]\n")
	wrong("path-of-homes", rights "readable = [\"", "%h", "\"]\n")
	wrong("string", rights "message = \"", "x", "\"\n")
	wrong("escapes", rights "message = \"", "\\u0061", "\"\n")
	wrong("lines-in-a-string", rights "message = \"\"\"", "\n", "\"\"\"\n")
	wrong("key", rights, "k", " = 1\n")
	wrong("dotted-key", rights "a", ".a", " = 1\n")
	wrong("number", rights "max_sessions = ", "1", "\n")
	wrong("same-key", rights, "x=1\n")
	wrong("keys", rights, "key@ = 1\n")
	wrong("misspelt", rights, "dotfile_nam@ = 1\n")
	wrong("headers", rights, "[[h@]]\n")
	wrong("match-without-condition", rights, "[[match]]\n")
	wrong("no-toml", rights, "= ")
	wrong("no-toml-lines", rights, "=\n")
	wrong("quotes", rights, "\"\n")
	wrong("nesting", rights "readable = ", "[")
	wrong("nested-tables", rights "readable = ", "{a=")
	wrong("tables", rights "readable = [", "{},", "]\n")
	wrong("empty-lists", rights "readable = [", "[],", "]\n")
	wrong("open-list", rights "readable = [\n", "\"~/r@\",\n")
	wrong("same-values", rights "readable = [", "\"~/a\"", "]\n", ",")
	wrong("same-directory", rights, "[[directory]]\npath=\"~/a\"\n")
	wrong("directories-without-path", rights, "[[directory]]\n")
	wrong("wrong-values", rights "protocols = [", "\"stfp\"", "]\n", ",")
	wrong("wrong-addresses", rights "[[match]]\naddress = [\n", "\"a@\"", "]\n", ",\n")
	wrong("wrong-rights", rights "access = [\n", "\"rename_director@\"", "]\n", ",\n")
	wrong("nul", rights, "\001")
	if (kind == "list")
		for (i = 1; i <= count; i++)
			print kinds[i]
}

function number(n) {
	if (kind == "cases")
		return caps(n)
	if (kind == "match-addresses")
		return sprintf("%x:%x", n / 4096, n % 4096)
	return sprintf("%06d", n)
}

# The same word for every number, but for its capitals.
function caps(n,    word, i) {
	for (i = 0; i < 17; i++) {
		word = word (n % 2 ? "A" : "a")
		n = int(n / 2)
	}
	return word
}

function deep(names,    path) {
	path = "a"
	while (--names)
		path = path "/a"
	return path
}
