FROM python:3.12-slim
COPY . /src
RUN pip install --no-cache-dir '/src[all]' && rm -rf /src && useradd --create-home eda
USER eda
WORKDIR /home/eda
VOLUME /home/eda
EXPOSE 9464 8501
ENTRYPOINT ["eda-monitor"]
CMD ["up", "--config", "/etc/eda-monitor/eda-monitor.toml"]
