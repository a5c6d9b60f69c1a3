# What the checks of this lab share. The truth is what the kernel says of the pages: "page facts".

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

# Whether the answer is this address.
address() {
  said=$(answered "$1") || fail "$said"
  test "$(hex "$said")" = "$(hex "$2")" || fail "$said is not right for $1"
}

# Whether the answer is this number.
number() {
  said=$(answered "$1") || fail "$said"
  test "$said" = "$2" || fail "$said is not right for $1"
}

# Sets process, linear, present, physical and shared to what is true of a page.
facts() {
  said=$(page facts "$1") || fail 'the process page does not run any more; reset this step'
  eval "$said"
}

child_facts() {
  said=$(page child facts "$1" 2> /dev/null) || return 1
  eval "$said"
}
