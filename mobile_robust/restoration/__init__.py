"""How close repaired photos are to the clean ones: PSNR, SSIM and a distance of features."""
