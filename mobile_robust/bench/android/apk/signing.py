"""The signature of the app: a debug key, made once and kept in the user's cache.

Android takes an update of an app only from the same key; who deletes the cache has to uninstall the app first.
"""

from __future__ import annotations

from pathlib import Path

from mobile_robust.bench.android.apk.toolchain import MIN_SDK, Toolchain
from mobile_robust.errors import InputError
from mobile_robust.files import replacing, user_cache

#: Not a secret: the key vouches for nothing but that two builds come from the same user.
_PASSWORD = "android"
_ALIAS = "debug"


def sign(apk: Path, tools: Toolchain, scratch: Path) -> Path:
    """Signs with APK signature schemes v2 and v3; v1 is for Android before 7."""
    signed = scratch / "signed.apk"
    schemes = ("--v1-signing-enabled", "false", "--v2-signing-enabled", "true", "--v3-signing-enabled", "true")
    key = ("--ks", _key(tools), "--ks-key-alias", _ALIAS, "--ks-pass", f"pass:{_PASSWORD}")
    tools.run("apksigner", "sign", *key, *schemes, "--min-sdk-version", str(MIN_SDK), "--out", signed, apk)
    return signed


def _key(tools: Toolchain) -> Path:
    path = user_cache() / "android" / "debug.keystore"
    if not path.is_file():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as new:
                store = ("-keystore", new, "-storetype", "PKCS12", "-storepass", _PASSWORD)
                kind = ("-alias", _ALIAS, "-keyalg", "RSA", "-keysize", "2048", "-validity", "36500")
                tools.run("keytool", "-genkeypair", *store, *kind, "-dname", "CN=mobile-robust debug")
                new.chmod(0o600)
        except OSError as error:
            raise InputError(f"{path}: cannot be written: {error.strerror or error}") from None
    return path
