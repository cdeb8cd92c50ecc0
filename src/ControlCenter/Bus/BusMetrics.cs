using System.Diagnostics.Metrics;

namespace ControlCenter.Bus;

/// <summary>What the bus counts of itself, beside what ASP.NET Core, Npgsql and the runtime already publish.</summary>
internal static class BusMetrics
{
    /// <summary>The meter's name.</summary>
    public const string Name = "ControlCenter.Bus";

    private static readonly Meter Meter = new(Name);

    /// <summary>Requests and events that were turned away.</summary>
    public static readonly Counter<long> Throttled = Meter.CreateCounter<long>("cc.bus.throttled", description: "Requests and events turned away by an actor's limits");

    /// <summary>Attempts without the right to.</summary>
    public static readonly Counter<long> Refused = Meter.CreateCounter<long>("cc.bus.refused", description: "Requests answered with 401 or 403");

    /// <summary>Late writes.</summary>
    public static readonly Counter<long> LeasesLost = Meter.CreateCounter<long>("cc.lease.lost_writes", description: "Writes refused because their lease was no longer in force");

    /// <summary>Streams that are open.</summary>
    public static readonly UpDownCounter<long> Streams = Meter.CreateUpDownCounter<long>("cc.stream.open", description: "Event streams that are open");

    /// <summary>What waits in memory for readers to take more.</summary>
    public static readonly UpDownCounter<long> StreamBuffered = Meter.CreateUpDownCounter<long>("cc.stream.buffered", unit: "By", description: "Bytes written for streams whose readers have not taken them yet");

    /// <summary>Streams that were cut because their reader did not keep up.</summary>
    public static readonly Counter<long> StreamsCut = Meter.CreateCounter<long>("cc.stream.cut", description: "Streams cut because their reader had stopped reading");

    /// <summary>Messages sent on streams.</summary>
    public static readonly Counter<long> Delivered = Meter.CreateCounter<long>("cc.stream.delivered", description: "Events sent on streams");
}
