#!/bin/sh
# Makes the users whose restricted sessions clients get: the administrator's keys can't be lent. Safe to run again.
#
# ENDPOINT, MINIO_ACCESS_KEY, MINIO_SECRET_KEY (the administrator's), MINIO_BUCKET, UPLOAD_OBJECT_STORE_BUCKET,
# UPLOAD_OBJECT_STORE_ACCESS_KEY, …_SECRET_KEY, DOWNLOAD_OBJECT_STORE_ACCESS_KEY, …_SECRET_KEY; HOME is a folder that may be written to
set -eu

mc=$(command -v mcli || command -v mc)
tries=0
until "$mc" --quiet alias set store "$ENDPOINT" "$MINIO_ACCESS_KEY" "$MINIO_SECRET_KEY" >/dev/null; do
    tries=$((tries + 1))
    [ "$tries" -lt 150 ] || exit 1
    sleep 2
done

# user NAME SECRET POLICY ACTION RESOURCE
user() {
    printf '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["%s"],"Resource":["arn:aws:s3:::%s/*"]}]}\n' \
        "$4" "$5" >"$HOME/$3.json"
    "$mc" --quiet admin policy create store "$3" "$HOME/$3.json"
    "$mc" --quiet admin user add store "$1" "$2"
    # It is an error if the user has it already.
    "$mc" --quiet admin policy attach store "$3" --user "$1" || case $("$mc" admin user info store "$1") in
        *"$3"*) ;;
        *) exit 1 ;;
    esac
}

if [ -n "${UPLOAD_OBJECT_STORE_ACCESS_KEY:-}" ]; then
    user "$UPLOAD_OBJECT_STORE_ACCESS_KEY" "$UPLOAD_OBJECT_STORE_SECRET_KEY" anonlink-uploads s3:PutObject "$UPLOAD_OBJECT_STORE_BUCKET"
fi
if [ -n "${DOWNLOAD_OBJECT_STORE_ACCESS_KEY:-}" ]; then
    user "$DOWNLOAD_OBJECT_STORE_ACCESS_KEY" "$DOWNLOAD_OBJECT_STORE_SECRET_KEY" anonlink-downloads s3:GetObject "$MINIO_BUCKET"
fi
