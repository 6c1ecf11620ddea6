#!/usr/bin/env bash
# Builds the files whose accuracy docs/accuracy.md reports, from the weights that ship, and scores them (but for the
# ablations). An interrupted run is resumed when the command is given again.
#
#   bash conversion/accuracy.sh PHOTOS VALIDATION CIFAR_TRAIN CIFAR_TEST OUT
#
# PHOTOS      photos named by ImageNet class index (0000.webp, …); 40 % are scored, the others calibrate int8
# VALIDATION  photos of another source that nothing was trained on, with labels.csv (file,label); all are scored
# CIFAR_*     CIFAR-10, one folder per class
set -euo pipefail
if [ $# != 5 ]; then
  sed -n 's/^#   bash/usage: bash/p' "$0" >&2
  exit 2
fi
photos=$1 validation=$2 train=$3 test=$4 out=$5
robust() { python -m mobile_robust "$@"; }
split=(--holdout 0.4) # of the trainings
scored=(--images "$photos" "${split[@]}")
cifar=(--images "$test" --labels folders --holdout 0.1)

jpeg=(film_afd_mobilenetv2_pipeline film_mobilenetv1_pipeline)
mixed=(film_afd_mobilenetv2_mixed_pipeline film_mobilenetv1_mixed_pipeline)
robust convert {afd,dir,fidelity,film,sympie}_mobilenetv2_pipeline fidelity_mobilenetv2_mixed_pipeline "${jpeg[@]}" "${mixed[@]}" \
  --calibration "$photos" "${split[@]}" --out "$out/build"
robust convert deepcorrect_cifar10_resnet20 deepcorrect_cifar10_resnet20_blur fidelity_cifar10_resnet20 \
  --calibration "$train" --out "$out/build"

# The fp32 and int8 files of recipes.
files() { for name; do printf '%s\n' "$out/build/$name/$name"_{fp32,int8}.tflite; done; }
mapfile -t afd < <(files afd_mobilenetv2_pipeline)
mapfile -t film < <(files film_mobilenetv2_pipeline)
mapfile -t jpeg < <(files "${jpeg[@]}")
mapfile -t mixed < <(files "${mixed[@]}")
mapfile -t sympie < <(files sympie_mobilenetv2_pipeline)
mapfile -t dir < <(files dir_mobilenetv2_pipeline)
mapfile -t fidelity < <(files fidelity_mobilenetv2_pipeline)
mapfile -t fidelity_mixed < <(files fidelity_mobilenetv2_mixed_pipeline)
mapfile -t fidelity_small < <(files fidelity_cifar10_resnet20)
mapfile -t noise < <(files deepcorrect_cifar10_resnet20)
mapfile -t blur < <(files deepcorrect_cifar10_resnet20_blur)

robust evaluate "$out/build/afd_mobilenetv2_pipeline" "${scored[@]}" --corruption jpeg:10 --out "$out/scores/afd_all_files"
robust evaluate "${afd[@]}" "${scored[@]}" --corruption jpeg jpeg_repeated avif --out "$out/scores/afd"
robust evaluate "${film[@]}" "${scored[@]}" --corruption jpeg --out "$out/scores/film"
noises=(fidelity_awgn fidelity_awgn_1d:0.5 fidelity_awgn_2d:0.5)
robust evaluate "${fidelity[@]}" "${scored[@]}" --corruption "${noises[@]}" --out "$out/scores/fidelity"
others=(fidelity_awgn:0.2 fidelity_salt_and_pepper:{0.1,0.3} fidelity_gaussian_blur:{2,4} fidelity_motion_blur:{10,20})
robust evaluate "${fidelity_mixed[@]}" "${scored[@]}" --corruption "${others[@]}" --out "$out/scores/fidelity_mixed"
robust evaluate "${fidelity_small[@]}" "${cifar[@]}" --corruption "${noises[@]}" --out "$out/scores/fidelity_cifar"
isp=(isp_{default,low_light,ablation,demosaicing,gamma})
robust evaluate "${dir[@]}" "${scored[@]}" --corruption "${isp[@]}" --out "$out/scores/dir"
kinds=(jpeg jpeg_repeated avif webp)
robust evaluate "${jpeg[@]}" "${scored[@]}" --corruption "${kinds[@]}" --out "$out/scores/jpeg_held_out"
robust evaluate "${mixed[@]}" "${scored[@]}" --corruption "${kinds[@]}" --out "$out/scores/mixed_held_out"
scored=(--images "$validation" --labels "$validation/labels.csv")
robust evaluate "${jpeg[@]}" "${scored[@]}" --corruption "${kinds[@]}" --out "$out/scores/jpeg_validation"
robust evaluate "${mixed[@]}" "${scored[@]}" --corruption "${kinds[@]}" imagenet_c --out "$out/scores/mixed_validation"
robust evaluate "${dir[@]}" "${scored[@]}" --corruption "${isp[@]}" --out "$out/scores/dir_validation"
robust evaluate "${fidelity[@]}" "${scored[@]}" --corruption fidelity_awgn:{0.1,0.2,0.3} --out "$out/scores/fidelity_validation"
robust evaluate "${sympie[@]}" --images "$photos" --holdout 0.2 --corruption imagenet_c --out "$out/scores/sympie"
robust evaluate "${noise[@]}" "${cifar[@]}" --corruption awgn --out "$out/scores/deepcorrect_noise"
robust evaluate "${blur[@]}" "${cifar[@]}" --corruption gaussian_blur --out "$out/scores/deepcorrect_blur"
