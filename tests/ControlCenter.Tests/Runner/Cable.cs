using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ControlCenter.Tests.Runner;

/// <summary>A way to a bus that can be cut: what comes in is passed on, until it is not.</summary>
internal sealed class Cable : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentDictionary<TcpClient, byte> _open = [];
    private readonly Uri _bus;
    private readonly Task _accepting;
    private readonly TaskCompletionSource _isHeld = new(TaskCreationOptions.RunContinuationsAsynchronously), _passes = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile string? _heldBack;
    private volatile bool _isCut;

    public Cable(Uri bus)
    {
        _bus = bus;
        _listener.Start();
        Address = new Uri($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");
        _accepting = AcceptAsync();
    }

    /// <summary>Where the bus is reached by it.</summary>
    public Uri Address { get; }

    /// <summary>Cuts it, also what is under way.</summary>
    public void Cut()
    {
        _isCut = true;
        foreach (var client in _open.Keys)
        {
            client.Close();
        }
    }

    /// <summary>Mends it.</summary>
    public void Mend() => _isCut = false;

    /// <summary>Holds back answers with a text in them, once. Ends when there is one.</summary>
    public Task HoldBackAsync(string text)
    {
        _heldBack = text;
        return _isHeld.Task;
    }

    /// <summary>Lets them pass.</summary>
    public void Pass()
    {
        _heldBack = null;
        _passes.TrySetResult();
    }

    public async ValueTask DisposeAsync()
    {
        Cut();
        _listener.Dispose();
        await _accepting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            var client = await _listener.AcceptTcpClientAsync();
            if (_isCut)
            {
                client.Close();
                continue;
            }

            _ = PassAsync(client);
        }
    }

    private async Task AnswerAsync(NetworkStream from, NetworkStream to)
    {
        var piece = new byte[64 * 1024];
        while (await from.ReadAsync(piece) is > 0 and var length)
        {
            if (_heldBack is { } text && Encoding.UTF8.GetString(piece, 0, length).Contains(text, StringComparison.Ordinal))
            {
                _isHeld.TrySetResult();
                await _passes.Task;
            }

            await to.WriteAsync(piece.AsMemory(0, length));
        }
    }

    private async Task PassAsync(TcpClient client)
    {
        using var server = new TcpClient();
        _open[client] = _open[server] = 0;
        try
        {
            if (_isCut)
            {
                // Between being let in and being noted.
                return;
            }

            await server.ConnectAsync(_bus.Host, _bus.Port);
            await Task.WhenAny(client.GetStream().CopyToAsync(server.GetStream()), AnswerAsync(server.GetStream(), client.GetStream()));
        }
        catch (Exception fault) when (fault is IOException or SocketException or ObjectDisposedException or InvalidOperationException)
        {
            // It was cut.
        }
        finally
        {
            _open.TryRemove(client, out _);
            _open.TryRemove(server, out _);
            client.Close();
        }
    }
}
