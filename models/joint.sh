#!/bin/sh
# models/joint.sh - the manifests that bears.safetensors is trained and measured
# on: photos, frames of trail cameras, mined negatives and thumbnails.
#
#     sh models/joint.sh DATA MINED WORK
#
# DATA: the folder with bears/, trail/ and tiny-imagenet/; MINED: negatives.jsonl
# of `bearcascade mine`. Writes WORK/joint.csv (train, valid) and WORK/thumbs.csv
# (valid thumbnails), and unpacks the thumbnails into WORK/thumbs. Field photos
# of bears are few and stand there three times.
set -eu
data=$(cd "$1" && pwd) mined=$2 work=$3
per_class=25 bears_per_class=250 field_times=3

for part in train valid; do
    [ ! -d "$work/thumbs/$part" ] || continue
    rm -rf "$work/thumbs/$part.new"
    mkdir -p "$work/thumbs/$part.new"
    for shard in "$data/tiny-imagenet/$part"*.tar.gz; do
        tar -xzf "$shard" -C "$work/thumbs/$part.new"
    done
    mv "$work/thumbs/$part.new" "$work/thumbs/$part"
done

# thumbnails SPLIT N BEARS FAMILY: the first N of each class, by name, and the
# first BEARS of the bears; the family of the negatives, or of each its class.
thumbnails() {
    (cd "$work" && find "thumbs/$1" -type f) | LC_ALL=C sort |
        awk -F/ -v OFS=, -v part="$1" -v n="$2" -v bears="$3" -v family="$4" '
        { label = $3 == "n02132136" ? "grizzly" : $3 == "n04399382" ? "teddy" : "" }
        seen[$3]++ < (label == "" ? n : bears) {
            print $0, label, part, (label != "" ? "" : family != "" ? family : $3)
        }'
}

# photos SPLIT TIMES: class folders, and families below "negative".
photos() {
    (cd "$data/bears" && find "$1" -type f) | LC_ALL=C sort |
        awk -F/ -v OFS=, -v root="$data/bears" -v times="$2" '
        { label = $2 == "negative" ? "" : $2
          n = $NF ~ /^field-/ ? times : 1
          for (i = 0; i < n; i++)
              print root "/" $0, label, $1, (label == "" && NF > 3 ? $3 : "") }'
}

frames() {
    (cd "$data/trail" && find . -name '*.jpg') | LC_ALL=C sort |
        awk -v OFS=, -v root="$data/trail" '
        { print root "/" substr($0, 3), "", "train", "trail_camera" }'
}

# {"file":"POOL.tar:SOURCE/x.jpg",...}: the family is the source.
mined() {
    sed 's/^{"file":"\([^"]*\)".*/\1/' "$mined" |
        awk -v OFS=, '{ split($0, part, ":"); split(part[2], folder, "/")
                        print $0, "", "train", "pool_" folder[1] }'
}

echo file,label,split,family >"$work/thumbs.csv"
thumbnails valid 1000000 1000000 "" >>"$work/thumbs.csv"
{
    echo file,label,split,family
    photos train $field_times
    photos valid 1
    frames
    mined
    thumbnails train $per_class $bears_per_class thumbnail
} >"$work/joint.csv"
