# What the checks of this lab share. The truth is what the kernel shows of the program's registers to a debugger: "calls".

program=hello

fail() {
  echo "$1"
  exit 1
}

# The student's answer to a question.
answered() {
  test -s "/root/answers/$1" || fail "answer with: answer $1 VALUE"
  cat "/root/answers/$1"
}

# Hexadecimal digits as they are compared: small, without 0x and leading zeros.
hex() {
  printf '%s' "$1" | tr 'A-F' 'a-f' | sed 's/^0x//; s/^0*//; s/^$/0/'
}

# Sets number, rdi, rsi, rdx, rcx, r11 and result to those of the program's nth system call.
call() {
  said=$(calls -q "$program" | sed -n "$1p") || true
  test -n "$said" || fail "$program does not run; reset this step"
  eval "$said"
}

# Whether the answer is this number, written in decimal or hexadecimal. The pane shows hexadecimal without 0x.
value() {
  said=$(answered "$1") || fail "$said"
  case $said in *[!0-9A-Fa-fx-]*) fail "$said is not a number" ;; esac
  test "$said" = "$2" || test "$(hex "$said")" = "$(hex "$(printf '%x' $(( $2 )))")" || fail "$said is not right for $1"
}
