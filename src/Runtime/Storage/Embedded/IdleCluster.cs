using System.Globalization;

namespace ControlCenter.Runtime.Storage.Embedded;

/// <summary>A host's data folder while no host and no PostgreSQL runs on it, and none can start.</summary>
public static class IdleCluster
{
    /// <summary>Takes the folder; it is given back when what is returned is disposed.</summary>
    /// <exception cref="EmbeddedPostgresException">A host or a PostgreSQL runs on it; the message names its process.</exception>
    public static async Task<IDisposable> HoldAsync(string home, TimeProvider time, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(home);
        var held = await HostLock.TakeAsync(home, time, cancellationToken);
        try
        {
            var data = await ClusterFolder.DataOfAsync(home, cancellationToken);
            return ServerProcesses.On(data) is [var running, ..]
                ? throw new EmbeddedPostgresException(string.Create(CultureInfo.InvariantCulture, $"A PostgreSQL (process {running}) runs on {data}. Stop it first: a running cluster is not replaced."))
                : held;
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }
}
