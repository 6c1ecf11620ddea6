/* XNNPACK delegates of a chosen number of threads.
 *
 * Interpreter.Options.setNumThreads does not reach XNNPACK: the runtime's Java side makes its delegate with the default
 * options, which are one thread (google-ai-edge/LiteRT, issue 1328). So the app makes its own, by the functions that
 * libtensorflowlite_jni.so exports. Needs neither headers nor a C library: it is built without an NDK.
 */

/* The beginning of TfLiteXNNPackDelegateOptions, with more room than any version of it takes. */
typedef struct {
    int num_threads;
    char others[252];
} Options;

Options TfLiteXNNPackDelegateOptionsDefault(void);
void *TfLiteXNNPackDelegateCreate(const Options *options);
void TfLiteXNNPackDelegateDelete(void *delegate);

__attribute__((visibility("default"))) long long Java_org_mobilerobust_bench_XnnpackDelegate_create(
    void *environment, void *type, int threads) {
    (void)environment, (void)type;
    Options options = TfLiteXNNPackDelegateOptionsDefault();
    options.num_threads = threads;
    return (long long)TfLiteXNNPackDelegateCreate(&options);
}

__attribute__((visibility("default"))) void Java_org_mobilerobust_bench_XnnpackDelegate_delete(
    void *environment, void *type, long long delegate) {
    (void)environment, (void)type;
    TfLiteXNNPackDelegateDelete((void *)delegate);
}
