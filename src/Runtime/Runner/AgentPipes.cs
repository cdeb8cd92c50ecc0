using System.Text;
using ControlCenter.Runtime.Execution;
using ControlCenter.Runtime.Runner.Output;

namespace ControlCenter.Runtime.Runner;

/// <summary>A runtime's three pipes, at this end.</summary>
internal sealed class AgentPipes
{
    private readonly OutputPump _pump;
    private readonly AgentOutput _output;
    private readonly Pipe _out, _error;
    private readonly Pipe? _in;

    /// <summary>Takes hold of them.</summary>
    public AgentPipes(OutputPump pump, RuntimeFolder folder, AgentOutput output, bool hasInput)
    {
        (_pump, _output) = (pump, output);
        _out = pump.Follow(folder.Out, piece => output.Take(OutputSource.Out, piece));
        _error = pump.Follow(folder.Error, piece => output.Take(OutputSource.Error, piece));
        output.ReadOnBy(_out.Drain);
        _in = hasInput ? pump.Feed(folder.In) : null;
    }

    /// <summary>Puts a line into the program's input. False where it takes none.</summary>
    public bool Put(string line)
    {
        if (_in is null)
        {
            return false;
        }

        Type(Encoding.UTF8.GetBytes(line.EndsWith('\n') ? line : line + "\n"), line.TrimEnd('\n'));
        return true;
    }

    /// <summary>Types into the program's input.</summary>
    /// <param name="typed">The bytes that it reads.</param>
    /// <param name="shown">As the transcript has them.</param>
    public void Type(byte[] typed, string shown)
    {
        if (_in is not null)
        {
            // First, so that it stands before what the program answers.
            _output.Note(OutputSource.In, shown);
            _pump.Put(_in, typed);
        }
    }

    /// <summary>Takes in what is there now.</summary>
    public void Drain()
    {
        _out.Drain();
        _error.Drain();
    }

    /// <summary>Lets go of them.</summary>
    public void Close()
    {
        foreach (var pipe in (Pipe?[])[_in, _out, _error])
        {
            if (pipe is not null)
            {
                _pump.Release(pipe);
            }
        }
    }
}
