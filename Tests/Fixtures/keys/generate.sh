#!/bin/bash
# Makes the test keys of this folder anew: `generate.sh [NAME…]`. Needs gpg and sq. Nothing here protects anything.
set -euo pipefail
cd "$(dirname "$0")"
made=1704067200 # 2024-01-01, so that every key is older than every test

gpg_key() { # NAME and the lines of a gpg parameter file; the expiry is in $expires, the clock in $clock
    local name=$1 home
    home=$(mktemp -d)
    chmod 700 "$home"
    printf '%s\n' "${@:2}" "Name-Real: $name" "Name-Email: $name@keys.test" "Expire-Date: ${expires:-0}" \
        '%no-protection' '%commit' >"$home/parameters"
    gpg --homedir "$home" --batch --quiet --no-tty --faked-system-time "${clock:-$made}" --gen-key "$home/parameters"
    if [ -n "${revoke:-}" ]; then
        sed 's/^:-----/-----/' "$home"/openpgp-revocs.d/*.rev | gpg --homedir "$home" --batch --quiet --import
    fi
    if [ -n "${edit:-}" ]; then
        # shellcheck disable=SC2086
        gpg --homedir "$home" --batch --quiet --no-tty --faked-system-time "${clock:-$made}" --command-fd 0 --edit-key "$name@keys.test" <<<"$edit"
    fi
    gpg --homedir "$home" --batch --quiet --no-emit-version --armor --export "$name@keys.test" >"$name.pub.asc"
    gpg --homedir "$home" --batch --quiet --no-emit-version --armor --export-secret-keys "$name@keys.test" >"$name.sec.asc"
    gpgconf --homedir "$home" --kill all
    rm -rf "$home"
}

sq_key() { # NAME and options of `sq key generate`
    local name=$1
    [ "$name" = nouserid ] || set -- "$@" --userid "$name <$name@keys.test>"
    sq key generate --export "$name.raw" --rev-cert "$name.rev" "${@:2}"
    grep -v '^Comment:' "$name.raw" >"$name.sec.asc"
    sq key extract-cert "$name.raw" | grep -v '^Comment:' >"$name.pub.asc"
    rm -f "$name.raw" "$name.rev"
}

rsa() { printf '%s\n' 'Key-Type: RSA' "Key-Length: $1" 'Key-Usage: sign' 'Subkey-Type: RSA' "Subkey-Length: $1" 'Subkey-Usage: encrypt'; }
ec() { printf '%s\n' "Key-Type: $1" "Key-Curve: $2" 'Key-Usage: sign' 'Subkey-Type: ECDH' "Subkey-Curve: $3" 'Subkey-Usage: encrypt'; }

make_key() {
    local lines=()
    case $1 in
    rsa1536 | rsa2048 | rsa2080 | rsa3072 | rsa4096) mapfile -t lines < <(rsa "${1#rsa}") ;;
    cv25519 | revoked | expired | future | subkeyrevoked | subkeyexpired) mapfile -t lines < <(ec EdDSA Ed25519 Curve25519) ;;
    p256 | p384 | p521) mapfile -t lines < <(ec ECDSA "nistp${1#p}" "nistp${1#p}") ;;
    brainpool) mapfile -t lines < <(ec ECDSA brainpoolP256r1 brainpoolP256r1) ;;
    secp256k1) mapfile -t lines < <(ec ECDSA secp256k1 secp256k1) ;;
    elgamal) lines=('Key-Type: DSA' 'Key-Length: 2048' 'Key-Usage: sign' 'Subkey-Type: ELG-E' 'Subkey-Length: 2048' 'Subkey-Usage: encrypt') ;;
    noprefs) mapfile -t lines < <(ec EdDSA Ed25519 Curve25519) ; lines+=('Preferences: none') ;;
    signonly) lines=('Key-Type: EdDSA' 'Key-Curve: Ed25519' 'Key-Usage: sign') ;;
    storageonly) sq_key storageonly --cipher-suite cv25519 --can-encrypt storage --expires never --creation-time 20240101; return ;;
    nouserid) sq_key nouserid --cipher-suite cv25519 --expires never --creation-time 20240101; return ;;
    sqcv25519) sq_key sqcv25519 --cipher-suite cv25519 --expires never --creation-time 20240101; return ;;
    sqrsa3072) sq_key sqrsa3072 --cipher-suite rsa3k --expires never --creation-time 20240101; return ;;
    *) echo "no such key: $1" >&2; return 1 ;;
    esac
    local expires='' clock='' revoke='' edit=''
    case $1 in
    expired) clock=1577836800 expires=2021-01-01 ;;
    future) clock=4070908800 ;; # 2099
    revoked) revoke=yes ;;
    subkeyrevoked) edit=$'key 1\nrevkey\ny\n0\n\ny\nsave\n' ;;
    subkeyexpired) edit=$'key 1\nexpire\n20240201T000000\nsave\n' ;;
    esac
    gpg_key "$1" "${lines[@]}"
}

names=("$@")
[ ${#names[@]} -gt 0 ] || names=(rsa1536 rsa2048 rsa2080 rsa3072 rsa4096 cv25519 p256 p384 p521 brainpool secp256k1 elgamal noprefs
    expired revoked signonly storageonly future subkeyrevoked subkeyexpired nouserid sqcv25519 sqrsa3072)
for name in "${names[@]}"; do
    echo "$name"
    make_key "$name"
done
