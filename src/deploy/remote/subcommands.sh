# 4 of 4: arming and deciding, what there is to know about a host, and the table of
# the subcommands.

arm() { # ID UNDO_AFTER LEASE_ID BYTES; stdin: the undo list
  deployment "$1"
  lock_state
  lease_is_ours "$3" || refuse "lease $holder $words"
  rm -rf -- "$state/new"
  mkdir -- "$state/new" && cat >"$state/new/undo_list" || fail 'cannot write the undo list'
  [ "$(wc -c <"$state/new/undo_list")" -eq "$4" ] || fail 'the undo list did not arrive as a whole'
  if [ -d "$dir" ]; then
    # Asked again, after an answer that was lost: the same list, and nothing else.
    [ ! -e "$dir/decision" ] || refuse decided
    cmp -s -- "$state/new/undo_list" "$dir/undo_list" || refuse exists
  else
    for other in "$state/deployments"/*; do
      [ ! -d "$other" ] || ! (dir=$other && unfinished) || refuse "unfinished ${other##*/}"
    done
    (
      cd -- "$state/new" && mkdir began backup finished may && echo confirmed >may/confirmed && echo undo >may/undo \
        && echo 'undone ok' >may/undone && echo 'undone failed' >may/failed && dir=. && : >running && set_running - && : >deadline && set_deadline "$2"
    ) && mv -T -- "$state/new" "$dir" || fail 'cannot write the state'
  fi
  set_deadline "$2" || fail 'cannot write the state'
  start_keeper || { [ -n "$(ls -A -- "$dir/began")" ] || rm -rf -- "$dir"; fail 'the keeper did not start'; }
  echo "armed $kept_by"
}

renew() { # ID UNDO_AFTER LEASE_ID LEASE_SECONDS
  known "$1"
  [ -e "$dir/decision" ] || set_deadline "$2"
  tell_status
  lease_renew "$3" "$4"
}

confirm() { # ID SHA
  known "$1"
  lock_state
  read_decision
  [ -n "$decision" ] || [ ! -e "$state/current" ] || ln -fT -- "$state/current" "$dir/former"
  # Written first: on a full disk nothing is confirmed.
  printf '%s %s %s\n' "$id" "$2" "$(date +%s)" >"$state/current.$id" || fail 'cannot write the state'
  decide confirmed
  if [ "$decision" = confirmed ]; then
    mv -fT -- "$state/current.$id" "$state/current"
    prune "$id"
  else
    rm -f -- "$state/current.$id"
  fi
  tell_status
}

# Asks for the undo and does not wait for it. What was confirmed is undone, too, as
# long as what it found was kept: until the next confirmation or the lease's end.
undo() { # ID
  known "$1"
  lock_state
  decide undo
  if [ "$decision" = confirmed ]; then
    [ ! -e "$dir/pruned" ] || refuse pruned
    for other in "$state/deployments"/*; do
      [ "$other" = "$dir" ] || [ ! -d "$other" ] || ! (dir=$other && unfinished) || refuse "unfinished ${other##*/}"
    done
    ln -T -- "$dir/may/undo" "$dir/decision.new" 2>/dev/null
    mv -fT -- "$dir/decision.new" "$dir/decision" || fail 'cannot write the state'
    mv -fT -- "$dir/former" "$state/current" 2>/dev/null || rm -f -- "$state/current"
  fi
  if unfinished; then
    if ! keeper_lives; then
      # It failed, or its keeper was killed: once more.
      rm -f -- "$dir/undone"
      start_keeper || fail 'the keeper did not start'
    fi
  fi
  tell_status
}

status() { # ID
  known "$1"
  tell_status
}

# Drops what the undo of confirmed deployments would need, except for that of $1,
# and all but the last few that have ended.
prune() { # ID | ''
  for ended in "$state/deployments"/*; do
    [ ! -d "$ended" ] || (
      deployment "${ended##*/}"
      [ "$id" != "$1" ] && [ ! -e "$dir/pruned" ] || exit 0
      read_decision
      [ "$decision" = confirmed ] || exit 0
      : >"$dir/pruned"
      undo_upload() { # N NAME TO [SUDO...]
        beside "$1" "$3"
        to=$3
        shift 3
        # A directory that was replaced goes, unless it is in use again.
        target=$("$@" readlink -- "$old" 2>/dev/null)
        case $target in
          "${to##*/}.d/"*) [ "$("$@" readlink -- "$to")" = "$target" ] || "$@" rm -rf -- "${to%/*}/$target" ;;
        esac
        "$@" rm -f -- "$old"
      }
      undo_command() { :; }
      afterwards() { :; }
      # shellcheck disable=SC1091 # written by `arm`
      . "$dir/undo_list"
    )
  done
  # shellcheck disable=SC2012 # the names are IDs
  ls -1t -- "$state/deployments" | tail -n +7 | while read -r name; do
    deployment "$name"
    if [ "$id" != "$1" ] && ! unfinished; then rm -rf -- "$dir"; fi
  done
}

probe() { # [-u USER]... PATH...
  echo "now $(date +%s)"
  for tool in cat chmod chown cmp cp date dd df flock head id ln ls mkdir mkfifo mv openssl readlink rm rmdir \
    setsid sha256sum sleep stat sync tail tar tee wc; do
    command -v "$tool" >/dev/null || [ "$tool" = openssl ] || echo "missing $tool"
  done
  while [ "${1-}" = -u ]; do
    if [ "$2" = "$(id -un)" ] || sudo -n -u "$2" -- true 2>/dev/null; then echo "sudo $2 yes"; else echo "sudo $2 no"; fi
    shift 2
  done
  if mkdir -p -- "$state/deployments" 2>/dev/null && [ -w "$state" ]; then echo 'state writable'; else echo 'state unwritable'; fi
  set -- "$state" "$@"
  for path; do
    shift
    while [ ! -d "$path" ] && [ "$path" != "${path%/*}" ]; do path=${path%/*}; done
    set -- "$@" "${path:-/}"
  done
  df --output=avail -B1 -- "$@" | while read -r free; do
    case $free in *[!0-9]*) ;; *) echo "free $free" ;; esac
  done
  tell_lease
  [ ! -e "$state/current" ] || printf 'current %s\n' "$(cat -- "$state/current")"
  for other in "$state/deployments"/*; do
    dir=$other
    if [ -d "$dir" ] && unfinished; then printf 'unfinished %s %s\n' "${dir##*/}" "$(tell_status | head -n 1)"; fi
  done
}

tell_lease() {
  read_lease
  [ -z "$holder" ] || printf 'lease %s %s %s\n' "$((expires - now))" "$holder" "$words"
}

case $subcommand in
  arm | confirm | keeper | look | probe | receive | renew | run | status | step | undo) "$subcommand" "$@" ;;
  lease-take) lease_take "$@" ;;
  lease-renew) lease_renew "$@" ;;
  lease-release) lease_release "$@" ;;
  *) fail "no subcommand $subcommand" ;;
esac
