using System.Collections.Concurrent;
using ControlCenter.Access;
using ControlCenter.Bus;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Events;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Access;
using ControlCenter.Runtime.EventLog;
using Microsoft.AspNetCore.Http.Features;

namespace ControlCenter.Events;

/// <summary>The open streams: one for each actor and channel, of which a new one replaces the old (bus-api.md, Limits; CB-02).</summary>
internal sealed class StreamRegistry(
    EventFeed feed, EventReader log, EndRevokedAccess revoked, IHostApplicationLifetime lifetime, TimeProvider time, ILogger<EventStream> logger)
{
    // bus-api.md: dashboards and bridges of services and of the founder.
    private const int MostForServices = 256;

    private readonly ConcurrentDictionary<(Guid Actor, EventChannel Channel), List<EventStream>> _open = new();

    /// <summary>How many are open.</summary>
    public int Count => Streams().Length;

    /// <summary>What waits in memory for all their readers together.</summary>
    public long BufferedBytes => Streams().Sum(s => (long)s.BufferedBytes);

    /// <summary>Serves one stream until its reader goes, is replaced, falls too far behind, or the host stops.</summary>
    public async Task ServeAsync(HttpContext http)
    {
        var caller = BusRoutes.CallerOf(http);
        var scope = ScopeOf(http, caller);
        var after = PositionOf(http);
        using var stream = new EventStream(http, scope, feed, log, time, logger, lifetime.ApplicationStopping);
        var key = (caller.ActorId, scope.Channel);
        Add(key, stream, PermissionMatrix.Allows(caller.Role, Permission.Unthrottled) ? MostForServices : 1);
        BusMetrics.Streams.Add(1);
        using var watched = revoked.Watch(http.Features.GetRequiredFeature<KeyHolder>().KeyId, stream.Revoke);
        try
        {
            await stream.RunAsync(after);
        }
        finally
        {
            BusMetrics.Streams.Add(-1);
            Remove(key, stream);
        }
    }

    private EventStream[] Streams() =>
        [.. _open.Values.SelectMany(streams =>
        {
            lock (streams)
            {
                return streams.ToArray();
            }
        })];

    private void Add((Guid, EventChannel) key, EventStream stream, int most)
    {
        var streams = _open.GetOrAdd(key, static _ => []);
        lock (streams)
        {
            // Within the lock: a stream leaves the list before it is disposed.
            if (streams.Count >= most)
            {
                var oldest = streams[0];
                streams.RemoveAt(0);
                oldest.Replace();
            }

            streams.Add(stream);
        }
    }

    private void Remove((Guid, EventChannel) key, EventStream stream)
    {
        if (_open.TryGetValue(key, out var streams))
        {
            lock (streams)
            {
                streams.Remove(stream);
            }
        }
    }

    private static FeedScope ScopeOf(HttpContext http, Caller caller)
    {
        var name = BusRoutes.OptionalText(http, "channel") ?? "all";
        if (!EventChannels.TryParse(name, out var channel))
        {
            throw new ValidationException("channel", $"One of {string.Join(", ", EventChannels.Wire)}; '{name}' was given.");
        }

        if (channel != EventChannel.Agent)
        {
            caller.Require(Permission.ReadAll);
        }

        return new FeedScope(channel, caller.ActorId);
    }

    private static long? PositionOf(HttpContext http)
    {
        var resumed = http.Request.Headers["Last-Event-ID"].ToString();
        if (resumed.Length == 0)
        {
            return BusRoutes.OptionalNumber(http, "after", 0, long.MaxValue);
        }

        return long.TryParse(resumed, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var seq)
            ? seq
            : throw new ValidationException("Last-Event-ID", $"The id of a message of this stream; '{resumed}' was given.");
    }
}
