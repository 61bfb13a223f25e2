# Completion of xfersh's options for fish.
function __xfersh_called
    set -l words (commandline -opc)
    contains -- $argv[1] $words
end
function __xfersh_bare
    test (count (commandline -opc)) -eq 1
end

complete -c xfersh -f
complete -c xfersh -n __xfersh_bare -l check -d 'say what would be done, and why'
complete -c xfersh -n __xfersh_bare -l doctor -d 'examine this host'
complete -c xfersh -n __xfersh_bare -l who -d 'list the open sessions'
complete -c xfersh -n __xfersh_bare -l end -d 'end open sessions'
complete -c xfersh -n __xfersh_bare -l forced -d 'serve SSH_ORIGINAL_COMMAND'
complete -c xfersh -n __xfersh_bare -l probe -x -a '(__fish_complete_directories)' -d 'what --live runs inside the confinement'
complete -c xfersh -n __xfersh_bare -l help -d 'show the help'
complete -c xfersh -n __xfersh_bare -l version -d 'show the version'
complete -c xfersh -n '__xfersh_bare; or __xfersh_called --check' -s c -x -a sftp-server -d 'the command'
complete -c xfersh -n '__xfersh_called --check; or __xfersh_called --doctor' -l user -x -a '(__fish_complete_users)' -d 'the account'
complete -c xfersh -n '__xfersh_called --check; or __xfersh_called --doctor; or __xfersh_called --who' -l json -d 'print one JSON object'
complete -c xfersh -n '__xfersh_called --doctor' -l all -d 'a line for each account'
complete -c xfersh -n '__xfersh_called --end' -l account -x -a '(__fish_complete_users)' -d 'all sessions of an account'
complete -c xfersh -n '__xfersh_called --check' -l address -x -d "the client's address"
complete -c xfersh -n '__xfersh_called --check' -l config -r -F -d 'another policy file'
complete -c xfersh -n '__xfersh_called --check' -l forced -d 'the command is what --forced would get'
complete -c xfersh -n '__xfersh_called --check; or __xfersh_called --forced' -l profile -x -d 'the profile of the forced command'
complete -c xfersh -n '__xfersh_called --check' -l verbose -d 'print every key of the policy'
complete -c xfersh -n '__xfersh_called --check' -l live -d 'test the confinement for real'

complete -c xfersh-add-account -f
complete -c xfersh-add-account -l key -r -F -d 'public keys'
complete -c xfersh-add-account -l home -x -a '(__fish_complete_directories)' -d 'the home'
complete -c xfersh-add-account -l help -d 'show the help'
complete -c xfersh-add-account -l directory -x -a '(__fish_complete_directories)' -d 'a directory to write in'

complete -c xfersh-remove-account -f -a '(__fish_complete_users)'
complete -c xfersh-remove-account -l shell -x -a '(string match "/*" </etc/shells)' -d 'an ordinary account with this shell'
complete -c xfersh-remove-account -l delete -d 'also delete the account, its home and its keys'
complete -c xfersh-remove-account -l help -d 'show the help'
