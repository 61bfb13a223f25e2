# Completion of xfersh's options for bash.
_xfersh() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    COMPREPLY=()
    case $previous in
        --user | --account)
            mapfile -t COMPREPLY < <(compgen -u -- "$current")
            return
            ;;
        --config)
            compopt -o filenames
            mapfile -t COMPREPLY < <(compgen -f -- "$current")
            return
            ;;
        --address | --profile) return ;;
        -c)
            mapfile -t COMPREPLY < <(compgen -W "sftp-server" -- "$current")
            return
            ;;
    esac
    local words="--check --doctor --who --end --forced --probe --help --version -c"
    case " ${COMP_WORDS[*]:1:COMP_CWORD-1} " in
        *" --check "*) words="--user --address --config --forced --profile --json --verbose --live -c" ;;
        *" --doctor "*) words="--user --all --json" ;;
        *" --who "*) words="--json" ;;
        *" --end "*) words="--account" ;;
        *" --probe "*)
            compopt -o filenames
            mapfile -t COMPREPLY < <(compgen -d -- "$current")
            return
            ;;
        *" --forced "*) words="--profile" ;;
        *" --help "* | *" --version "*) words="" ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _xfersh xfersh

_xfersh_add_account() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    COMPREPLY=()
    case $previous in
        --key | --home | --directory)
            compopt -o filenames
            mapfile -t COMPREPLY < <(compgen -f -- "$current")
            return
            ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "--key --home --directory --help" -- "$current")
}
complete -F _xfersh_add_account xfersh-add-account

_xfersh_remove_account() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} words
    COMPREPLY=()
    case $previous in
        --shell) words=$(grep '^/' /etc/shells) ;;
        *)
            words="--shell --delete --help"
            [[ $current == -* ]] || words=$(getent passwd | grep '/xfersh$' | cut -d: -f1)
            ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _xfersh_remove_account xfersh-remove-account
