using Polly;
using Polly.Retry;

namespace ControlCenter.Runtime.Runner.Bus;

/// <summary>How a bus that does not answer is asked again: for ever, with pauses that grow and differ, so that a hundred hosts do not come back as one.</summary>
internal static class BusRetry
{
    private static readonly TimeSpan FirstBackoff = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LongestBackoff = TimeSpan.FromSeconds(5);

    // Once, and then once a minute: a bus that is away for an hour is not a thousand lines.
    private const int ToldEvery = 12;

    /// <summary>Makes the pipeline.</summary>
    /// <param name="time">The clock.</param>
    /// <param name="refusalMayPass">Whether one that is not let in asks again.</param>
    /// <param name="tell">Told why it is asked again, at times.</param>
    public static ResiliencePipeline Build(TimeProvider time, Func<bool> refusalMayPass, Action<string> tell) =>
        new ResiliencePipelineBuilder { TimeProvider = time }
            .AddRetry(new RetryStrategyOptions
            {
                MaxRetryAttempts = int.MaxValue,
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                Delay = FirstBackoff,
                MaxDelay = LongestBackoff,
                ShouldHandle = attempt => ValueTask.FromResult(attempt.Outcome.Exception switch
                {
                    HttpRequestException or BusProblemException => true,
                    BusRefusedException => refusalMayPass(),
                    _ => false,
                }),
                OnRetry = attempt =>
                {
                    if (attempt.AttemptNumber % ToldEvery == 0)
                    {
                        tell(attempt.Outcome.Exception!.Message);
                    }

                    return ValueTask.CompletedTask;
                },
            })
            .Build();
}
