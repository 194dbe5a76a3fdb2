package dev.fenlei.engine.testing;

import dev.fenlei.engine.compute.AttentionContract;
import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.compute.BackendContract;
import dev.fenlei.engine.compute.Precision;
import dev.fenlei.engine.compute.cuda.CudaBackend;
import dev.fenlei.engine.compute.cuda.CudaUnavailableException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import org.junit.platform.engine.discovery.DiscoverySelectors;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.junit.platform.launcher.listeners.SummaryGeneratingListener;

/// Runs the contract on the card of this machine, for `tools/gpu-check`. Its name keeps it out of the tests of the build.
public final class CardCheck {

    private CardCheck() {}

    /// The operations but attention.
    public static final class Operations extends BackendContract {
        @Override
        protected Backend create() {
            return onTheCard();
        }
    }

    /// Attention.
    public static final class Attention extends AttentionContract {
        @Override
        protected Backend create() {
            return onTheCard();
        }
    }

    private static Backend onTheCard() {
        try {
            return CudaBackend.open(Precision.F32);
        } catch (CudaUnavailableException e) {
            throw new IllegalStateException(e.reason(), e);
        }
    }

    /// Prints a summary; the status is 1 if a test failed.
    public static void main(String[] arguments) {
        LauncherDiscoveryRequest request = LauncherDiscoveryRequestBuilder.request()
                .selectors(
                        DiscoverySelectors.selectClass(Operations.class),
                        DiscoverySelectors.selectClass(Attention.class))
                .build();
        SummaryGeneratingListener listener = new SummaryGeneratingListener();
        LauncherFactory.create().execute(request, listener);
        listener.getSummary().printFailuresTo(new PrintWriter(System.out, true, StandardCharsets.UTF_8), 5);
        long failed = listener.getSummary().getTotalFailureCount();
        System.out.printf("contract: %d tests, %d failed%n", listener.getSummary().getTestsFoundCount(), failed);
        System.exit(failed == 0 && listener.getSummary().getTestsFoundCount() > 0 ? 0 : 1);
    }
}
