// For Android Studio: the same sources with LiteRT instead of TensorFlow Lite 2.16.1. Of LiteRT, 1.4.2 is the newest
// release known to have Interpreter with GpuDelegate in Java (litert-gpu, litert-gpu-api). LiteRT 2 runs Interpreter on
// the CPU only; its GPU is behind another API, CompiledModel. Nothing tests this file, and LiteRT lies in Google's Maven
// repository, not in Maven Central: the APK that "python -m mobile_robust.bench android" installs is built and tested
// without Gradle and without LiteRT, from dependencies.txt.
plugins {
    id("com.android.application") version "8.7.3"
}

android {
    namespace = "org.mobilerobust.bench"
    compileSdk = 35
    defaultConfig {
        applicationId = "org.mobilerobust.bench"
        minSdk = 26
        targetSdk = 35
        versionCode = 1
        versionName = "studio"
        ndk { abiFilters += listOf("arm64-v8a", "x86_64") }
    }
    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_1_8
        targetCompatibility = JavaVersion.VERSION_1_8
    }
    externalNativeBuild { cmake { path = file("app/src/main/native/CMakeLists.txt") } }
    packaging { jniLibs { useLegacyPackaging = true } }
    sourceSets {
        getByName("main") {
            manifest.srcFile("AndroidManifest.xml")
            java.setSrcDirs(listOf("core/src/main/java", "app/src/main/java"))
            res.setSrcDirs(listOf("app/src/main/res"))
        }
        getByName("test") { java.setSrcDirs(listOf("core/src/test/java", "app/src/test/java")) }
    }
    testOptions { unitTests { isIncludeAndroidResources = true } }
}

dependencies {
    implementation("com.google.ai.edge.litert:litert:1.4.2")
    implementation("com.google.ai.edge.litert:litert-gpu:1.4.2")
    implementation("com.google.ai.edge.litert:litert-gpu-api:1.4.2")
    testImplementation("junit:junit:4.13.2")
    testImplementation("org.robolectric:robolectric:4.16.1")
}
