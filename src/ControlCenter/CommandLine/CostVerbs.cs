using System.CommandLine;
using System.Globalization;
using ControlCenter.Bus;
using ControlCenter.Runtime.Costs;

namespace ControlCenter.CommandLine;

/// <summary><c>cost</c>: the sums of costs, asked of a running bus.</summary>
internal static class CostVerbs
{
    public static Command Cost { get; } = new("cost", "The costs that a bus keeps.")
    {
        BusVerbs.Asking("rebuild", "Makes the sums of all costs anew from the cost events, while the old ones go on being read.", RebuildAsync),
    };

    internal static async Task<int> RebuildAsync(BusVerbs.BusCall call, CancellationToken cancellationToken)
    {
        var rebuilt = await call.PostAndWaitAsync<RebuiltRollups>("costs/rebuild", new NoBody(), cancellationToken);
        await call.Output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{rebuilt.Rollups} sums were made of {rebuilt.Events} cost events."));
        return ExitCode.Ok;
    }
}
