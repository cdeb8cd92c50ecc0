using System.Runtime.CompilerServices;

namespace ControlCenter.E2E;

/// <summary>Waits for what is to come.</summary>
internal static class Patience
{
    /// <summary>Looks until a condition holds; a test that waits in vain fails here, and says for what it waited.</summary>
    public static async Task UntilAsync(
        Func<Task<bool>> condition, CancellationToken cancellationToken, int seconds = 180, [CallerArgumentExpression(nameof(condition))] string awaited = "")
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(TimeSpan.FromSeconds(seconds));
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (!await condition())
        {
            try
            {
                await timer.WaitForNextTickAsync(patience.Token);
            }
            catch (OperationCanceledException waited) when (!cancellationToken.IsCancellationRequested)
            {
                throw new TimeoutException($"{seconds} s were not enough for: {awaited}", waited);
            }
        }
    }

    /// <summary>The same for what can be told at once.</summary>
    public static Task UntilAsync(
        Func<bool> condition, CancellationToken cancellationToken, int seconds = 180, [CallerArgumentExpression(nameof(condition))] string awaited = "") =>
        UntilAsync(() => Task.FromResult(condition()), cancellationToken, seconds, awaited);
}
