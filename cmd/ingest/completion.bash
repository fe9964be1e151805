
# A word inside quotes. Cobra's functions evaluate the words as they were typed, and an open quote breaks that. So the word
# goes to them without its quote, and their answers are quoted as the rest of the word is.
eval "__ingest_results_of_words() $(declare -f __ingest_get_completion_results | tail -n +2)"
eval "__ingest_types_of_words() $(declare -f __ingest_handle_completion_types | tail -n +2)"

__ingest_get_completion_results() {
    local flag='' last=$((${#words[@]} - 1))
    __ingest_quote=''
    if [[ $cur == -*=* ]]; then
        flag="${cur%%=*}="
    fi
    case ${cur#"$flag"} in
    \'*) __ingest_quote="'" ;;
    \"*) __ingest_quote='"' ;;
    esac
    if [[ -n $__ingest_quote ]]; then
        cur=${cur#"$flag$__ingest_quote"}
        if [[ $__ingest_quote == '"' ]]; then
            cur=$(sed 's/\\\([\\"$`]\)/\1/g' <<<"$cur")
        fi
        if [[ -n $cur ]]; then
            cur=$(printf %q "$cur")
        fi
        words[last]=$flag$cur
        if [[ -z ${words[last]} ]]; then
            unset "words[last]"
        fi
    fi
    __ingest_results_of_words
}

__ingest_handle_completion_types() {
    __ingest_types_of_words
    [[ -n $__ingest_quote ]] || return 0
    local i one=${#COMPREPLY[@]}
    for i in "${!COMPREPLY[@]}"; do
        if ((one == 1)); then
            eval "COMPREPLY[i]=${COMPREPLY[i]}" # printf %q wrote it
        fi
        if [[ $__ingest_quote == "'" ]]; then
            COMPREPLY[i]=${COMPREPLY[i]//\'/\'\\\'\'}
        else
            COMPREPLY[i]=$(sed 's/[\\"$`]/\\&/g' <<<"${COMPREPLY[i]}")
            # Readline closes the quote unless the last character looks like it.
            if ((one == 1)) && [[ ${COMPREPLY[i]} == *\" ]]; then
                COMPREPLY[i]+='"'
            fi
        fi
    done
}
