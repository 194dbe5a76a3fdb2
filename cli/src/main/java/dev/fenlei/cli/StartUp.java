package dev.fenlei.cli;

/// The program's half of what the launcher begins; see the comments there.
final class StartUp {

    private StartUp() {}

    static void finishLaunch() {
        Integer savedError = Integer.getInteger("fenlei.stderr");
        if (savedError != null) {
            Posix.moveDescriptor(savedError, Posix.STANDARD_ERROR);
        }
        Long parent = Long.getLong("fenlei.parent");
        if (parent != null) {
            endWithParent(parent);
        }
    }

    /// A launcher that is killed outright cannot tell this process, which must not live on unseen.
    private static void endWithParent(long parent) {
        ProcessHandle.of(parent).ifPresentOrElse(
                launcher -> launcher.onExit().thenRun(() -> System.exit(FenleiCommand.FAILED)),
                () -> System.exit(FenleiCommand.FAILED));
    }
}
