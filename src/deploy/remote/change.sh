# 2 of 4: what changes a host: commands, and files that are received.

# Whose command it is, where `sudo` runs it for another: sets `user`.
user_of() {
  user=
  case "${1-} ${2-} ${3-} ${5-}" in 'sudo -n -u --') user=$4 ;; esac
}

# Runs a command in a session, and so a process group, of its own, and notes it
# down, so that whoever must can end it: sets `group`. Fd 4 is its stdin.
begin_group() {
  (umask "$inherited_umask" && exec setsid "$@") <&4 3<&- 4<&- 8>&- 9>&- &
  group=$!
  note_group "$@"
}

note_group() {
  user_of "$@"
  birth
  set_running "$boot $group ${born:--} $user"
}

# Written over what is there: also on a full disk.
set_running() {
  [ -z "${dir-}" ] || printf '%-160s\n' "$1" 1<>"$dir/running"
}

# Sets `born`: when the group's first process was; empty where it has ended. In its
# /proc/PID/stat that is the 20th word after the name in parentheses.
birth() {
  born=
  { read -r stat <"/proc/$group/stat"; } 2>/dev/null || return 0
  # shellcheck disable=SC2086 # the words are split on purpose
  set -- ${stat##*) }
  born=${20}
}

# A user's processes may only be signalled by that user.
signal_group() {
  sent=1
  ! kill -s "$1" -- "-$group" 2>/dev/null || sent=0
  [ -z "$user" ] || ! sudo -n -u "$user" -- kill -s "$1" -- "-$group" 2>/dev/null || sent=0
  return "$sent"
}

# Ends a process group: asks, and after 5 s makes it.
end_group() {
  signal_group TERM || return 0
  tries=0
  while [ "$tries" -lt 50 ] && signal_group 0; do
    sleep 0.1
    tries=$((tries + 1))
  done
  signal_group KILL
}

# Ends what `running` names, unless its number has become another's since: after
# the next boot, or when its first process is not the one that was noted.
end_running() {
  read -r of_boot group noted user <"$dir/running"
  [ "$of_boot" = "$boot" ] || return 0
  birth
  if [ -z "$born" ] || [ "$born" = "$noted" ]; then end_group; fi
}

# Until the program ends nobody else changes this host, and nothing was decided;
# else it fails, and `refused` is set to why.
begin_change() { # N
  exec 9>>"$dir/change.lock"
  refused=
  flock -w 5 9 || refused=busy
  read_decision
  [ -z "$decision" ] || refused=decided
  [ ! -e "$dir/began/$1" ] || refused=${refused:-begun}
  [ -z "$refused" ] || return 1
  # We have the lock, so whoever started this is dead, and it is a leftover.
  end_running
}

# Runs a command until it ends, or until stdin does: then it is ended, and all of
# its group. Its first stdin is ours: so many bytes, of secrets.
watch() { # BYTES CMD...
  bytes=$1
  shift
  if [ "$bytes" -gt 0 ]; then
    # By way of a variable, so that a command never sees half a secret.
    secrets=$(head -c "$bytes" <&3 && echo .)
    secrets=${secrets%.}
    [ "$(printf %s "$secrets" | wc -c)" -eq "$bytes" ] || fail 'the secrets did not arrive'
    echo begun
    printf %s "$secrets" 3<&- 9>&- | (umask "$inherited_umask" && exec setsid "$@") 3<&- 9>&- &
    group=$!
    secrets=
    note_group "$@"
  else
    echo begun
    exec 4</dev/null
    begin_group "$@"
  fi
  {
    cat
    # From here on we are not to be stopped any more: see below.
    trap '' TERM
    end_group
  } <&3 >/dev/null 2>&1 9>&- &
  watcher=$!
  exec 3<&-
  wait "$group"
  status=$?
  { kill "$watcher" && wait "$watcher"; } 2>/dev/null
  # When the keeper has decided it wants to know the group: children may be left.
  [ -z "${dir-}" ] || [ -e "$dir/decision" ] || set_running -
  # A daemon may hold both streams open. All that the command wrote is before this.
  printf '\nrace-ended\n'
  printf '\nrace-ended\n' >&2
  exit "$status"
}

step() { # ID N BYTES CMD...
  exec 3<&0 </dev/null
  known "$1"
  begin_change "$2" || refuse "$refused"
  : >"$dir/began/$2" || fail 'cannot write the state'
  shift 2
  watch "$@"
}

run() { # BYTES CMD...
  exec 3<&0 </dev/null
  watch "$@"
}

# openssl is several times faster where it is.
digest() {
  if command -v openssl >/dev/null; then openssl dgst -sha256 -r; else sha256sum; fi
}

digest_of() { # FILE [SUDO...]
  file=$1
  shift
  if command -v openssl >/dev/null; then "$@" openssl dgst -sha256 -r "$file"; else "$@" cat -- "$file" | digest; fi
}

# The same bytes for the same files, wherever and whenever.
tar_of() { # DIRECTORY [SUDO...]
  tree=$1
  shift
  "$@" tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --format=gnu -cf - -C "$tree" .
}

# Where a file is received, and where the former one is kept, beside it.
beside() { # N TO
  part=${2%/*}/.race-$id-$1.part
  old=${2%/*}/.race-$id-$1.old
  tree=$2.d/$id-$1
}

look() { # (USER PATH)...
  while [ $# -ge 2 ]; do
    as=$1 path=$2
    shift 2
    (
      if [ -n "$as" ]; then set -- sudo -n -u "$as" --; else set --; fi
      if ! "$@" test -e "$path"; then
        if "$@" test -L "$path"; then echo other; else echo absent; fi
      elif "$@" test -d "$path"; then
        if "$@" test -L "$path"; then
          sum=$(tar_of "$path/" "$@" 2>/dev/null | digest)
          echo "tree ${sum%% *} $("$@" stat -L -c '%a %U:%G' -- "$path/")"
        else
          echo directory
        fi
      elif ! "$@" test -f "$path" || "$@" test -L "$path"; then
        echo other
      elif ! "$@" test -r "$path"; then
        echo unreadable
      else
        sum=$(digest_of "$path" "$@")
        echo "file ${sum%% *} $("$@" stat -c '%a %U:%G' -- "$path")"
      fi
    )
  done
}

receive() { # file|tree ID N SIZE SHA256 TO MODE|- OWNER|- [USER]
  known "$2"
  kind=$1 n=$3 size=$4 sum=$5 to=$6 mode=$7 owner=$8 as=${9-}
  if [ -n "$as" ]; then set -- sudo -n -u "$as" --; else set --; fi
  beside "$n" "$to"
  [ ! -e "$dir/began/$n" ] || refuse begun
  "$@" test -d "${to%/*}/" || refuse "no-directory"
  ! "$@" test -d "$to" || "$@" test -L "$to" || refuse "is-directory"
  "receive_$kind" "$@"
  # An undo may have come and gone before the file was here, and cleans up no more.
  begin_change "$n" || { [ -e "$dir/began/$n" ] || discard "$@"; refuse "$refused"; }
  # Nobody has begun this step, so what lies there is of no use to any undo.
  "$@" rm -f -- "$old"
  before=absent
  if "$@" test -e "$to" || "$@" test -L "$to"; then
    "$@" ln -PT -- "$to" "$old" 2>/dev/null || "$@" cp -aT -- "$to" "$old" || give_up "$@"
    before=kept
  fi
  { write "$dir/backup/$n" "$before" && : >"$dir/began/$n"; } || { "$@" rm -f -- "$old"; give_up "$@"; }
  "$@" mv -fT -- "$part" "$to" || fail 'cannot move it into place'
  echo received
}

# Removes what was received.
discard() {
  "$@" rm -rf -- "$part"
  [ "$kind" = tree ] || return 0
  "$@" rm -rf -- "$tree"
  "$@" rmdir -- "$to.d" 2>/dev/null
}

give_up() {
  discard "$@"
  fail "cannot write $to: see the line above, and the space on the disk"
}

# What is hashed is what was written, which also takes less than two pipes do.
receive_file() { # [SUDO...]
  "$@" rm -f -- "$part"
  got=
  if "$@" dd "of=$part" bs=128K iflag=fullblock status=none; then got=$(digest_of "$part" "$@"); fi
  if [ "${got%% *}" != "$sum" ]; then
    written=$("$@" stat -c %s -- "$part" 2>/dev/null)
    "$@" rm -f -- "$part"
    fail "received ${written:-0} of $size bytes, or others than were sent"
  fi
  if [ "$mode" != - ]; then
    "$@" chmod -- "$mode" "$part"
  elif "$@" test -e "$to"; then
    "$@" chmod --reference="$to" -- "$part"
  else
    "$@" chmod 644 -- "$part"
  fi || give_up "$@"
  [ "$owner" = - ] || "$@" chown -- "$owner" "$part" || give_up "$@"
  "$@" sync -- "$part" || give_up "$@"
}

# A directory of its own for each deployment; what is switched is a symlink to it.
receive_tree() { # [SUDO...]
  "$@" rm -rf -- "$part" "$tree"
  (umask 022 && "$@" mkdir -p -- "$to.d" "$tree") || give_up "$@"
  got=$({ { tee /dev/fd/5 | digest >&6; } 5>&1 | "$@" tar -xpf - --no-same-owner -C "$tree" || echo failed; } 6>&1)
  if [ "$got" != "${got%failed}" ] || [ "${got%% *}" != "$sum" ]; then
    "$@" rm -rf -- "$tree"
    "$@" rmdir -- "$to.d" 2>/dev/null
    fail 'received less than was sent, or something else'
  fi
  [ "$owner" = - ] || "$@" chown -R -- "$owner" "$tree" || give_up "$@"
  "$@" ln -sT -- "${to##*/}.d/$id-$n" "$part" || give_up "$@"
}
