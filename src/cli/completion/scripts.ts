/**
 * Completion for shells. The scripts know nothing of our commands: they ask `viv __complete -- WORD…`, which answers with a line `files`
 * or `values`, and then a line for each candidate: the value, a tab, a description.
 */

/** Bash reference manual, "Programmable Completion". Bash splits words at : and = too (COMP_WORDBREAKS), and replaces only the last piece. */
const BASH = `# Bash completion for viv: source <(viv completion bash)
_viv() {
  local rest=\${COMP_LINE:0:COMP_POINT} words=() piece trimmed i
  for ((i = 0; i <= COMP_CWORD; i++)); do
    piece=\${COMP_WORDS[i]}
    trimmed=\${rest#"\${rest%%[![:space:]]*}"}
    ((i == COMP_CWORD)) && piece=$trimmed
    if ((i > 0)) && [[ $trimmed == "$rest" ]]; then
      words[\${#words[@]} - 1]+=$piece
    else
      words+=("$piece")
    fi
    rest=\${trimmed#"$piece"}
  done
  local current=\${words[\${#words[@]} - 1]} kind= line value
  local done_part=\${current%"\${current##*[:=]}"}
  [[ $COMP_WORDBREAKS == *:* && $COMP_WORDBREAKS == *=* ]] || done_part=
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ -z $kind ]]; then
      kind=$line
      continue
    fi
    value=\${line%%$'\\t'*}
    COMPREPLY+=("\${value#"$done_part"}")
  done < <("\${words[0]}" __complete -- "\${words[@]:1}" 2>/dev/null)
  if [[ $kind == files ]]; then
    compopt -o filenames
    while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "\${current#"$done_part"}")
  fi
}
complete -F _viv viv
`;

/** Zsh manual, "Completion System". */
const ZSH = `#compdef viv
# Zsh completion for viv: source <(viv completion zsh), or as a file _viv in a folder of fpath.
_viv() {
  local -a lines entries
  local line value
  lines=("\${(@f)$("\${(Q)words[1]}" __complete -- "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null)}")
  for line in "\${(@)lines[2,-1]}"; do
    value=\${line%%$'\\t'*}
    entries+=("\${value//:/\\\\:}:\${line#*$'\\t'}")
  done
  if [[ $lines[1] == files ]]; then
    _files
  elif (( $#entries )); then
    _describe -t values value entries
  fi
}
if [[ $funcstack[1] == _viv ]]; then
  _viv "$@"
else
  compdef _viv viv
fi
`;

/** fish documentation, "complete". */
const FISH = `# fish completion for viv: viv completion fish | source
function __viv_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l program $words[1]
    set -e words[1]
    set -l lines ($program __complete -- $words "$current" 2>/dev/null)
    if test "$lines[1]" = files
        __fish_complete_path "$current"
    else
        set -e lines[1]
        printf '%s\\n' $lines
    end
end
complete -c viv -f -a '(__viv_complete)'
`;

export const SHELL_SCRIPTS = { bash: BASH, zsh: ZSH, fish: FISH } as const;
export type Shell = keyof typeof SHELL_SCRIPTS;
