# The program of `race deploy` on a host, 1 of 4: its state, locks and answers.
#
# POSIX sh; it needs coreutils, util-linux (flock, setsid) and Linux' /proc. The four
# parts are read as one text, for each call anew: `$program` holds it, $1 is the
# state directory, $2 the subcommand. Only `keeper` goes on after its caller has left.
#
# A deployment's directory holds:
#   undo_list     calls of undo_upload, undo_command and afterwards, in order
#   keeper.lock   locked by the keeper as long as it lives
#   change.lock   locked by whoever changes the host: a step, a receiver, the undo
#   deadline      when the keeper undoes by itself: boot, and seconds since that boot
#   began/N       step N may have changed something
#   backup/N      what an upload found: `kept` or `absent`
#   running       the process group of the command that runs, or `-`
#   decision      `confirmed` or `undo`; whoever makes the link first has decided
#   undone        how the undo ended
#   may/          what is linked on a full disk, where nothing new can be written
#
# Descriptors: 3 the lifeline, 8 the keeper's lock, 9 the other locks. No command of
# a policy inherits one: a daemon would hold the lock for ever.

# shellcheck disable=SC2015 # `A && B || fail`: fail when either does
# shellcheck disable=SC2030,SC2031 # where `dir` changes in a subshell it is meant to
# shellcheck disable=SC2317 # an undo list calls them
set -u
program=${program?}
inherited_umask=$(umask)
umask 077
state=$1 subcommand=$2
shift 2
case $state in /*) ;; *) state=$PWD/$state ;; esac
read -r boot </proc/sys/kernel/random/boot_id

# What a login shell says before this line is none of our words.
printf '\nrace-answer\n'

fail() {
  printf 'error %s\n' "$*"
  exit 70
}

refuse() {
  printf 'refused %s\n' "$*"
  exit 75
}

lock_state() {
  mkdir -p -- "$state/deployments" || fail "cannot make the directory $state"
  exec 9>>"$state/lock"
  flock -w 10 9 || fail "another program holds $state/lock"
}

# Sets `id` and `dir`.
deployment() {
  case $1 in '' | .* | *[!A-Za-z0-9._-]*) fail "no ID of a deployment: $1" ;; esac
  id=$1 dir=$state/deployments/$1
}

known() {
  deployment "$1"
  [ -d "$dir" ] || refuse unknown
}

# Writes a small file as a whole or not at all.
write() {
  printf '%s\n' "$2" >"$1.new" && mv -fT -- "$1.new" "$1"
}

# Seconds since the host came up: no clock that somebody sets.
uptime() {
  read -r up _ </proc/uptime
  up=${up%.*}
}

# Written over what is there: on a full disk and at any moment the file is whole.
set_deadline() {
  uptime
  printf '%s %-20s\n' "$boot" "$((up + $1))" 1<>"$dir/deadline"
}

# Sets `left`. A deadline of an earlier boot has passed.
seconds_left() {
  uptime
  if read -r of_boot at _ <"$dir/deadline" && [ "$of_boot" = "$boot" ]; then left=$((at - up)); else left=0; fi
}

# Sets `decision`.
read_decision() {
  decision=
  [ ! -e "$dir/decision" ] || read -r decision <"$dir/decision"
}

# Decides, unless it was decided before; sets `decision` to what holds. A hard link
# is made exactly once, and needs no space.
decide() {
  ln -T -- "$dir/may/$1" "$dir/decision" 2>/dev/null
  read_decision
  [ -n "$decision" ]
}

keeper_lives() {
  ! flock -s -n 7 7>>"$dir/keeper.lock"
}

# Whether the deployment has neither been confirmed nor undone as a whole.
unfinished() {
  read_decision
  [ "$decision" != confirmed ] && ! { [ -e "$dir/undone" ] && read -r how <"$dir/undone" && [ "$how" = 'undone ok' ]; }
}

tell_status() {
  read_decision
  keeper=no-keeper
  ! keeper_lives || keeper=keeper
  if [ -e "$dir/undone" ]; then
    head -c 8192 -- "$dir/undone"
  elif [ "$decision" = confirmed ]; then
    echo confirmed
  elif [ "$decision" = undo ]; then
    echo "undoing $keeper"
  else
    seconds_left
    echo "armed $left $keeper"
  fi
}

# --- The lease: one line, `EXPIRES ID WORDS...`, by the host's clock. ---

# Sets `expires`, `holder` and `words`; `holder` is empty where nobody holds it.
read_lease() {
  now=$(date +%s)
  expires=0 holder='' words=''
  [ -e "$state/lease" ] || return 0
  read -r expires holder words <"$state/lease"
  case $expires in '' | *[!0-9]*) fail "$state/lease is damaged; look who deploys, then release it with --any" ;; esac
}

lease_is_ours() {
  read_lease
  [ "$holder" = "$1" ] && [ "$expires" -gt "$now" ]
}

lease_take() { # ID SECONDS WORDS [ID_TAKEN_OVER]
  lock_state
  read_lease
  if [ -n "$holder" ] && [ "$expires" -gt "$now" ] && [ "$holder" != "$1" ] && [ "$holder" != "${4-}" ]; then
    printf 'held %s %s %s\n' "$((expires - now))" "$holder" "$words"
  else
    write "$state/lease" "$((now + $2)) $1 $3" || fail 'cannot write the lease'
    echo taken
  fi
}

# One that has expired is renewed, too, as long as nobody else has taken it.
lease_renew() { # ID SECONDS
  lock_state
  read_lease
  if [ "$holder" != "$1" ]; then
    printf 'lost %s %s\n' "$holder" "$words"
  else
    write "$state/lease" "$((now + $2)) $holder $words" || fail 'cannot write the lease'
    echo renewed
  fi
}

lease_release() { # ID | --any
  lock_state
  if [ "$1" != --any ]; then
    read_lease
    [ "$holder" = "$1" ] || { printf 'lost %s %s\n' "$holder" "$words"; return; }
  fi
  rm -f -- "$state/lease" || fail 'cannot remove the lease'
  prune ''
  echo released
}
