from mobile_robust.cli import main

main()
