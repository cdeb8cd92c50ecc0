using System.Buffers;
using System.Threading.Channels;
using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Models;

namespace ControlCenter.Runtime.Models;

/// <summary>Says which calls are to be compared with a shadow, and hands them over when their answers have been passed on.</summary>
public sealed class SampleCalls(ModelCatalogue catalogue)
{
    // A comparison holds its request until it is made: what is larger is left out.
    private const int LargestBody = 4 * 1024 * 1024;

    // Those that wait for a place. What comes when they are taken is left out, not queued: there will be others to compare.
    private const int MostWaiting = 2;

    private readonly Channel<SampledCall> _line = Channel.CreateBounded<SampledCall>(MostWaiting);

    /// <summary>Those whose answers have been passed on.</summary>
    internal ChannelReader<SampledCall> Ended => _line.Reader;

    /// <summary>Looks whether a call is one of them, by the module that answers it. One that is not costs a look into a table.</summary>
    internal SampledCall? Of(CallUnderWay under) =>
        under.Beside is null && catalogue.Current.Route(under.Request.Model) is { Shadow: { Percent: > 0 } shadow } && shadow.Module != under.Module!.Id
        && under.Call.Endpoint.IsCharged() && under.Request.Choices == 1 && under.Call.Body.Length <= LargestBody && ShadowRules.Samples(under.Id, shadow.Percent)
            ? new SampledCall(under, shadow, _line.Writer)
            : null;
}

/// <summary>The words of an answer while a comparison needs them: in memory, and only up to a length.</summary>
internal sealed class HeldAnswer
{
    // Far more than a model writes in words. What is longer is not compared.
    private const int Longest = 1024 * 1024;

    private readonly ArrayBufferWriter<byte> _held = new();
    private bool _isTooLong;

    public void Keep(ReadOnlySpan<byte> bytes)
    {
        _isTooLong |= _held.WrittenCount + bytes.Length > Longest;
        if (!_isTooLong)
        {
            _held.Write(bytes);
        }
    }

    /// <summary>What it says; null for what is too long, or no answer.</summary>
    public AnswerText? Read(ModelEndpoint endpoint, bool isStream) => _isTooLong ? null : AnswerText.Read(endpoint, isStream, _held.WrittenSpan.ToArray());
}

/// <summary>A call that is to be compared: what its shadow needs of it, held until that is done.</summary>
internal sealed class SampledCall(CallUnderWay under, Shadow shadow, ChannelWriter<SampledCall> line)
{
    public CallUnderWay Under { get; } = under;

    public Shadow Shadow { get; } = shadow;

    public HeldAnswer Answer { get; } = new();

    public bool IsStream { get; private set; }

    /// <summary>Has what passes to the caller kept as well.</summary>
    public Func<ReadOnlyMemory<byte>, ValueTask> ReadAlong(Func<ReadOnlyMemory<byte>, ValueTask> write) => bytes =>
    {
        Answer.Keep(bytes.Span);
        return write(bytes);
    };

    /// <summary>The caller has its answer. One that did not come to its end is compared with nothing.</summary>
    public void Ended(bool isStream)
    {
        IsStream = isStream;
        if (Under.Cost is { End: CallEnd.Completed })
        {
            line.TryWrite(this);
        }
    }
}
