using System.Globalization;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Storage.Restored;

namespace ControlCenter.Runtime.Access;

/// <summary>In a restored database no link to sign in is good: it may have been used in the lost time.</summary>
public sealed class EndRestoredLinks : AfterRestore
{
    /// <inheritdoc />
    public override int Order => 50;

    /// <inheritdoc />
    public override async Task<string> SettleAsync(UnitOfWork unit, LostFuture lost, CancellationToken cancellationToken)
    {
        var ended = await unit.ExecuteAsync("update sign_in_links set used_at = clock_timestamp() where used_at is null", cancellationToken);
        return string.Create(CultureInfo.InvariantCulture, $"{ended} links to sign in ended; keys are those of {lost.To.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC, until a running bus's database is replaced, whose keys are kept");
    }
}
