using System.Net;
using System.Net.Sockets;

namespace ControlCenter.BuiltInAgents;

/// <summary>Connects to where a definition's address leads, but never to a cloud machine's own metadata, whatever name it hides behind.</summary>
internal static class AllowedAddresses
{
    /// <summary>Whether an address may be called. A founder's own networks may: that is where remote agents are.</summary>
    public static bool Allows(IPAddress address)
    {
        var real = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        var bytes = real.GetAddressBytes();
        return real.AddressFamily == AddressFamily.InterNetwork
            // Link-local (RFC 3927), where clouds have their metadata; this network; multicast and what is reserved.
            ? bytes is not ([169, 254, ..] or [0, ..] or [>= 224, ..])
            : !real.IsIPv6LinkLocal && !real.IsIPv6Multicast && !real.Equals(IPAddress.IPv6Any) && !real.Equals(IPAddress.Parse("fd00:ec2::254"));
    }

    /// <summary>Looks a name up once, and connects to what was looked at.</summary>
    public static async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var (host, port) = (context.DnsEndPoint.Host, context.DnsEndPoint.Port);
        var addresses = (await Dns.GetHostAddressesAsync(host, cancellationToken)).Where(Allows).ToArray();
        if (addresses.Length == 0)
        {
            throw new HttpRequestException($"The name {host} leads nowhere that may be called.");
        }

        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(addresses, port, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
