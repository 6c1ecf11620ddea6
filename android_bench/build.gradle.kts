// For Android Studio: the same sources with LiteRT instead of TensorFlow Lite 2.16.1; of LiteRT the 1.x line, which has
// the Java classes of TensorFlow Lite. Nothing tests this file: the APK that "python -m mobile_robust.bench android"
// installs is built and tested without Gradle, from dependencies.txt.
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
    implementation("com.google.ai.edge.litert:litert:1.4.0")
    implementation("com.google.ai.edge.litert:litert-gpu:1.4.0")
    implementation("com.google.ai.edge.litert:litert-gpu-api:1.4.0")
    testImplementation("junit:junit:4.13.2")
    testImplementation("org.robolectric:robolectric:4.16.1")
}
